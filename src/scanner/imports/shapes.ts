import { z } from 'zod'
import { isMembers } from '../../members.ts'
import type { Place } from '../finding.ts'

/** What another scanner found, as its report tells it. It may hold the secret. */
export interface Told {
  readonly tool: string
  readonly rule: string
  readonly title: string
  /** Undefined where the report does not hold it, or not whole. */
  readonly secret?: string
  /** The tool says that it still works. */
  readonly isVerified?: boolean
  readonly place: Place
}

/** Of a record that is none of the format, undefined. Attacker-controlled. */
export type ReadRecord = (record: unknown) => readonly Told[] | undefined

const TEXT = z.string().max(100_000)
const NAME = z.string().max(1000)
const NUMBER = z.number().nullish()

/** gitleaks' JSON: an object of its array (its README, "Report formats"). */
const GITLEAKS = z.looseObject({
  ...{ RuleID: NAME, Secret: TEXT, File: TEXT, StartLine: NUMBER, StartColumn: NUMBER },
  ...{ Description: NAME.nullish(), Commit: TEXT.nullish(), Author: TEXT.nullish(), Email: TEXT.nullish(), Date: TEXT.nullish() },
})

function readGitleaks(record: unknown): readonly Told[] | undefined {
  const read = GITLEAKS.safeParse(record)
  if (!read.success) return undefined
  const { RuleID, Description, Secret, File, StartLine, StartColumn, Commit, Author, Email, Date: date } = read.data
  const origin = originOf({ commit: Commit, author: Author, email: Email, date })
  const place = { path: File, line: lineOf(StartLine), column: lineOf(StartColumn), ...origin }
  return [{ tool: 'gitleaks', rule: RuleID, title: Description || RuleID, ...secretOf(Secret), place }]
}

/** TruffleHog's JSON Lines (`--json`); where it is from stands under the name of the kind of source. */
const TRUFFLEHOG = z.looseObject({
  ...{ DetectorName: NAME, Verified: z.boolean().nullish(), Raw: TEXT.nullish(), RawV2: TEXT.nullish() },
  SourceMetadata: z.looseObject({ Data: z.record(z.string(), z.unknown()).nullish() }).nullish(),
})
const TRUFFLEHOG_SOURCE = z.looseObject({
  ...{ file: TEXT.nullish(), line: NUMBER, commit: TEXT.nullish(), email: TEXT.nullish(), timestamp: TEXT.nullish() },
})

function readTruffleHog(record: unknown): readonly Told[] | undefined {
  const read = TRUFFLEHOG.safeParse(record)
  if (!read.success) return undefined
  const { DetectorName, Verified, Raw, SourceMetadata } = read.data
  const [kind, data] = Object.entries(SourceMetadata?.Data ?? {})[0] ?? ['no source', {}]
  const source = TRUFFLEHOG_SOURCE.safeParse(data).data ?? {}
  const origin = originOf({ commit: source.commit, author: source.email, email: source.email, date: source.timestamp })
  const place = { path: source.file || kind, line: lineOf(source.line), column: 1, ...origin }
  const isVerified = Verified === true
  return [{ tool: 'trufflehog', rule: DetectorName, title: DetectorName, ...secretOf(Raw), isVerified, place }]
}

/** Kingfisher's JSON and JSON Lines: a rule and what it found. */
const KINGFISHER = z.looseObject({
  rule: z.looseObject({ id: NAME, name: NAME.nullish() }),
  finding: z.looseObject({
    ...{ snippet: TEXT.nullish(), path: TEXT.nullish(), line: NUMBER, column_start: NUMBER },
    validation: z.looseObject({ status: TEXT.nullish() }).nullish(),
  }),
})

function readKingfisher(record: unknown): readonly Told[] | undefined {
  const read = KINGFISHER.safeParse(record)
  if (!read.success) return undefined
  const { rule, finding } = read.data
  const place = { path: finding.path ?? 'no path', line: lineOf(finding.line), column: lineOf(finding.column_start) }
  const isVerified = /^active/i.test(finding.validation?.status ?? '')
  return [{ tool: 'kingfisher', rule: rule.id, title: rule.name ?? rule.id, ...secretOf(finding.snippet), isVerified, place }]
}

/** A run of SARIF 2.1.0 (section 3.14). */
const SARIF = z.looseObject({
  tool: z.looseObject({ driver: z.looseObject({ name: NAME }) }),
  results: z.array(z.unknown()).nullish(),
})
const LOCATION = z.looseObject({
  artifactLocation: z.looseObject({ uri: TEXT.nullish() }).nullish(),
  region: z
    .looseObject({ startLine: NUMBER, startColumn: NUMBER, snippet: z.looseObject({ text: TEXT.nullish() }).nullish() })
    .nullish(),
})
const RESULT = z.looseObject({
  ruleId: NAME.nullish(),
  locations: z.array(z.looseObject({ physicalLocation: LOCATION.nullish() })).nullish(),
})
/** The tools whose snippet is the secret itself; with others it may be its line. */
const TELLS_SECRET = new Set(['gitleaks'])

function readSarif(record: unknown): readonly Told[] | undefined {
  const read = SARIF.safeParse(record)
  if (!read.success) return undefined
  const tool = read.data.tool.driver.name.toLowerCase()
  const results = (read.data.results ?? []).map((result) => RESULT.safeParse(result))
  if (results.some(({ success }) => !success)) return undefined
  return results.flatMap(({ data }) => {
    const locations = data?.locations?.length ? data.locations : [{}]
    return locations.map(({ physicalLocation }) => toldBy(tool, data?.ruleId ?? 'no-rule', physicalLocation ?? {}))
  })
}

function toldBy(tool: string, rule: string, { artifactLocation, region }: z.infer<typeof LOCATION>): Told {
  const path = decode(artifactLocation?.uri ?? 'no path')
  const place = { path, line: lineOf(region?.startLine), column: lineOf(region?.startColumn) }
  return { tool, rule, title: rule, ...(TELLS_SECRET.has(tool) ? secretOf(region?.snippet?.text) : {}), place }
}

/** A URI reference as a path (RFC 3986, section 2.1); what is none is left as it is. */
function decode(uri: string): string {
  try {
    return decodeURIComponent(uri)
  } catch {
    return uri // attacker-controlled: a percent sign that means nothing
  }
}

/** Every format that is read, and how its records lie in its file. */
export const IMPORTS: Readonly<
  Record<string, { readonly read: ReadRecord; recordsOf(whole: unknown): readonly unknown[] | undefined }>
> = {
  gitleaks: { read: readGitleaks, recordsOf: (whole) => (whole === null ? [] : listOf(whole)) },
  trufflehog: { read: readTruffleHog, recordsOf: (whole) => listOf(whole) ?? [whole] },
  kingfisher: { read: readKingfisher, recordsOf: (whole) => listOf(whole) ?? listOf(memberOf(whole, 'findings')) ?? [whole] },
  sarif: { read: readSarif, recordsOf: (whole) => listOf(memberOf(whole, 'runs')) },
}

function listOf(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined
}

function memberOf(value: unknown, name: string): unknown {
  return isMembers(value) ? value[name] : undefined
}

/** Without one that was redacted: gitleaks' and Kingfisher's word for it, or dots or stars in the place of what is left out. */
function secretOf(text: string | null | undefined): { readonly secret?: string } {
  if (text === undefined || text === null || text === '' || /REDACTED|\*{3}|\.{3}$/.test(text)) return {}
  return { secret: Buffer.from(text).toString('latin1') }
}

function lineOf(number: number | null | undefined): number {
  return Number.isSafeInteger(number) && (number ?? 0) > 0 ? (number ?? 1) : 1
}

type Texts = Readonly<Record<'commit' | 'author' | 'email' | 'date', string | null | undefined>>

function originOf({ commit, author, email, date }: Texts): Partial<Place> {
  return commit ? { commit, author: author ?? '', email: email ?? '', date: date ?? '' } : {}
}
