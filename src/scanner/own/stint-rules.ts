import { z } from 'zod'
import { StintError } from '../../errors.ts'
import { CONFIDENCES } from '../rule.ts'
import { RULES } from '../rules/index.ts'
import { STRUCTURES } from '../structures/index.ts'
import { createOwnDetector } from './own-detector.ts'
import type { OwnRule } from './own-rules.ts'
import { PatternError, translateRe2 } from './re2.ts'

const TEXT = z.string().min(1).max(1000)
const SAMPLES = z.array(z.string().min(1).max(10_000)).max(100).optional()
/** The names of Stint's own rules. */
export const KNOWN_IDS: ReadonlySet<string> = new Set([...Object.values(RULES).flat(), ...STRUCTURES].map(({ id }) => id))

/** A rule as `.stint-scan.yaml` has it. */
export const STINT_RULE = z.strictObject({
  id: z
    .string()
    .max(100)
    .regex(/^[\w.-]+$/, 'letters, digits, _, . and - only')
    .refine((id) => !KNOWN_IDS.has(id), 'Stint has a rule of this name; choose another'),
  title: TEXT.optional(),
  pattern: z.string().min(1),
  keywords: z.array(TEXT).max(100).optional(),
  entropy: z.number().min(0).max(8).optional(),
  secretGroup: z.int().min(0).max(100).optional(),
  confidence: z.enum(CONFIDENCES).optional(),
  samples: z.strictObject({ hits: SAMPLES, misses: SAMPLES }).optional(),
})

/** The rule of `written`. Throws `invalid_argument`, with `where` it stands, for a pattern that is not taken and for a sample that shows it wrong. */
export function readStintRule(written: z.infer<typeof STINT_RULE>, provider: string, where: string): OwnRule {
  const { id, title, pattern, keywords, entropy, secretGroup, confidence, samples } = written
  const refuse = (detail: string): never => {
    throw new StintError('invalid_argument', `${provider}: ${where}: ${detail}`)
  }
  const rule: OwnRule = {
    id,
    provider,
    title: title ?? id,
    pattern: compile(pattern, secretGroup ?? 0, (why) => refuse(`pattern: ${why}`)),
    keywords: spellKeywords(keywords ?? []),
    secretGroup: secretGroup ?? 0,
    confidence: confidence ?? 'medium',
    ...(entropy !== undefined && { entropy }),
  }
  const find = createOwnDetector([rule], (_, why) => refuse(`pattern: on one of its samples ${why}`))
  const isFound = (sample: string): boolean => find(Buffer.from(sample), 0, Buffer.byteLength(sample)).length > 0
  for (const [at, sample] of (samples?.hits ?? []).entries())
    if (!isFound(sample)) refuse(`samples.hits.${at}: the rule does not find it`)
  for (const [at, sample] of (samples?.misses ?? []).entries())
    if (isFound(sample)) refuse(`samples.misses.${at}: the rule finds it`)
  return rule
}

/** The pattern of a rule for its detector. What is wrong with it goes to `refuse`. */
export function compile(pattern: string, secretGroup: number, refuse: (why: string) => never): string {
  try {
    const translated = translateRe2(pattern)
    const groups = (new RegExp(`${translated.source}|`).exec('')?.length ?? 1) - 1
    if (secretGroup > groups) refuse(`it has no group ${secretGroup}`)
    return translated.source
  } catch (thrown) {
    if (thrown instanceof PatternError) return refuse(thrown.message)
    throw thrown
  }
}

/** Keywords as the automaton reads them. Of a list with one that it cannot read nothing is left, so that the rule is always tried. */
export function spellKeywords(keywords: readonly string[]): readonly string[] {
  const spelled = keywords.map((keyword) => keyword.toLowerCase())
  return spelled.every((keyword) => /^[ -@[-~]+$/.test(keyword)) ? spelled : []
}
