/** How sure a match makes us: a checksum or a prefix nobody else uses; a shape with its vendor's name beside it; a guess. */
export type Confidence = (typeof CONFIDENCES)[number]

/** From a guess to what is sure. */
export const CONFIDENCES = ['low', 'medium', 'high'] as const

/** More for what is surer. */
export function sureness(confidence: Confidence): number {
  return CONFIDENCES.indexOf(confidence)
}

/** One published format of a secret. Data: what is done with it stands in detector.ts. */
export interface Rule {
  /** `vendor-kind`, kebab-case. Reports, baselines and allow-lists name it, so that it never changes. */
  readonly id: string
  readonly provider: string
  /** What a match is, in words: `personal access token (classic)`. */
  readonly title: string
  /**
   * Lower-case ASCII texts of three characters or more, in whatever case they stand in the file: where none of them is within `reach`, the
   * pattern is not tried. The rarer they are in ordinary text, the faster is every scan.
   */
  readonly keywords: readonly string[]
  /**
   * What is secret is its group `secret`, or else the whole match. Made by pattern.ts, or by hand: without flags, every repeat bounded, and no
   * repeat in a repeat that can match the same text in two ways.
   */
  readonly pattern: RegExp
  readonly confidence: Confidence
  /** Checksum or structure, where the format has one. False drops the match. */
  check?(secret: string): boolean
  /** What the secret says of itself without giving anything away: the account of an AWS key, the issuer of a JWT. */
  facts?(secret: string): Readonly<Record<string, string>>
  /** Shannon entropy of the secret in bits for each character, at least. */
  readonly entropy?: number
  /** How many bytes before and after a keyword a match may extend; 64 and 512 unless given. */
  readonly reach?: Reach
  /** Where the format is published. */
  readonly source: string
  samples(): Samples
}

export interface Reach {
  readonly before: number
  readonly after: number
}

/** Texts made by sample.ts, so that no file of ours holds what looks like a secret. They are the rule's test. */
export interface Samples {
  /** The secret in its context, and the secret; or the secret alone. */
  readonly hits: readonly (string | readonly [text: string, secret: string])[]
  /** Near misses: in none of them is anything found by this rule. */
  readonly misses: readonly string[]
}

/** Rules of one vendor, whose formats stand on one page. */
export function rulesOf(
  provider: string,
  source: string,
  rows: readonly (Omit<Rule, 'provider' | 'source'> & { readonly source?: string })[],
): readonly Rule[] {
  return rows.map((row) => ({ provider, source, ...row }))
}
