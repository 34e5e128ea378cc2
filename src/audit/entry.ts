import { tampered } from './error.ts'

/**
 * Longest texts an entry holds, in UTF-16 code units; longer ones are cut and end in `…`. All of them together, each unit escaped to
 * six bytes, stay below the 65,535 bytes an entry may have.
 */
export const LIMITS = {
  id: 128,
  name: 256,
  caller: 512,
  resource: 1024,
  sentence: 256,
  detail: 512,
  actors: 8,
  policies: 12,
  reasons: 8,
  details: 12,
} as const

/** What a field of an entry holds. */
export type FieldType =
  | { readonly is: 'text'; readonly max: number; readonly orNull?: true }
  | { readonly is: 'choice'; readonly of: readonly string[]; readonly orNull?: true }
  | { readonly is: 'whole'; readonly orNull?: true }
  | { readonly is: 'list'; readonly items: number; readonly max: number }
  | { readonly is: 'map'; readonly items: number; readonly key: number; readonly max: number }

const text = (max: number) => ({ is: 'text', max }) as const
const textOrNull = (max: number) => ({ is: 'text', max, orNull: true }) as const
const choice = <const T extends readonly string[]>(...of: T) => ({ is: 'choice', of }) as const
const list = (items: number, max: number) => ({ is: 'list', items, max }) as const
const WHOLE = { is: 'whole' } as const
const WHOLE_OR_NULL = { is: 'whole', orNull: true } as const

/** What an entry holds, in this order, after `v`, `kind` and `at`. The writers, the parser and the verifier all follow this table. */
export const FIELDS = {
  /** What was decided about one request. `effect` allow is what a Permit stands for. */
  decision: {
    correlationId: text(LIMITS.id),
    caller: text(LIMITS.caller),
    proof: text(LIMITS.id),
    issuer: text(LIMITS.name),
    actors: list(LIMITS.actors, LIMITS.name),
    owner: textOrNull(LIMITS.name),
    task: textOrNull(LIMITS.id),
    target: textOrNull(LIMITS.id),
    action: text(LIMITS.name),
    access: choice('read', 'write', 'destructive', 'admin'),
    resource: text(LIMITS.resource),
    effect: choice('allow', 'deny', 'needs-approval'),
    code: text(LIMITS.id),
    policies: list(LIMITS.policies, LIMITS.id),
    policySetHash: text(LIMITS.id),
    reasons: list(LIMITS.reasons, LIMITS.sentence),
    risk: WHOLE,
    riskReasons: list(LIMITS.reasons, LIMITS.id),
    requestDigest: text(LIMITS.id),
  },
  /** A request that never reached a decision. */
  attempt: {
    correlationId: text(LIMITS.id),
    caller: textOrNull(LIMITS.caller),
    proof: textOrNull(LIMITS.id),
    task: textOrNull(LIMITS.id),
    code: text(LIMITS.id),
    detail: text(LIMITS.detail),
  },
  /** How an allowed request ended. `decision` is the index of the allow. */
  outcome: {
    correlationId: text(LIMITS.id),
    decision: WHOLE,
    caller: text(LIMITS.caller),
    owner: textOrNull(LIMITS.name),
    task: textOrNull(LIMITS.id),
    target: textOrNull(LIMITS.id),
    action: text(LIMITS.name),
    lease: textOrNull(LIMITS.id),
    result: choice('completed', 'failed', 'cut', 'refused-upstream'),
    status: WHOLE_OR_NULL,
    bytesIn: WHOLE,
    bytesOut: WHOLE,
    durationMs: WHOLE,
    code: textOrNull(LIMITS.id),
  },
  /** Something an operator, the API or a workload did to Stint itself: a task started, a target added, a revocation. */
  act: {
    correlationId: textOrNull(LIMITS.id),
    caller: textOrNull(LIMITS.caller),
    proof: textOrNull(LIMITS.id),
    owner: textOrNull(LIMITS.name),
    task: textOrNull(LIMITS.id),
    target: textOrNull(LIMITS.id),
    action: text(LIMITS.name),
    subject: textOrNull(LIMITS.caller),
    code: text(LIMITS.id),
    reason: textOrNull(LIMITS.detail),
    details: { is: 'map', items: LIMITS.details, key: LIMITS.id, max: LIMITS.name },
  },
  /** Something Stint notes about itself: a start, a repaired torn write, an outage of the log. */
  system: {
    code: text(LIMITS.id),
    detail: text(LIMITS.detail),
  },
} as const satisfies Record<string, Readonly<Record<string, FieldType>>>

export type EntryKind = keyof typeof FIELDS
type ValueOf<T> = T extends { is: 'text' | 'choice' | 'whole' }
  ? Plain<T> | (T extends { orNull: true } ? null : never)
  : T extends { is: 'list' }
    ? readonly string[]
    : Readonly<Record<string, string>>
type Plain<T> = T extends { is: 'whole' } ? number : T extends { of: infer C extends readonly string[] } ? C[number] : string
type FieldsOf<K extends EntryKind> = { readonly [F in keyof (typeof FIELDS)[K]]: ValueOf<(typeof FIELDS)[K][F]> }

/** One leaf of the log. `at` is RFC 3339 UTC with milliseconds. */
export type Entry = { [K in EntryKind]: EntryOf<K> }[EntryKind]
export type EntryOf<K extends EntryKind> = { readonly v: 1; readonly kind: K; readonly at: string } & FieldsOf<K>

const HEAD = ['v', 'kind', 'at'] as const
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

/**
 * Reads one entry, strictly: a known kind, exactly its fields in their order, every value within its bounds, in the one spelling the
 * writers use. Throws `audit_tampered` naming `place` for anything else. Attacker-controlled.
 */
export function parseEntry(bytes: Uint8Array, place: string): Entry {
  let json: string
  let value: unknown
  try {
    json = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(json)
  } catch {
    throw tampered(place, 'the entry is not JSON in UTF-8')
  }
  const wrong = isMap(value) ? whatIsWrong(value) : 'it is not an object'
  if (wrong !== undefined) throw tampered(place, `the entry is not one Stint writes: ${wrong}`)
  if (JSON.stringify(value) !== json) throw tampered(place, 'the entry is not in its canonical spelling')
  return value as unknown as Entry
}

function whatIsWrong(value: Readonly<Record<string, unknown>>): string | undefined {
  const { v, kind, at } = value
  if (v !== 1) return 'v is not 1'
  if (typeof kind !== 'string' || !Object.hasOwn(FIELDS, kind)) return 'its kind is unknown'
  if (typeof at !== 'string' || !TIME.test(at) || Number.isNaN(Date.parse(at))) return 'at is not a time'
  const fields: Readonly<Record<string, FieldType>> = FIELDS[kind as EntryKind]
  const expected = [...HEAD, ...Object.keys(fields)]
  if (Object.keys(value).join() !== expected.join()) return `its fields are not ${expected.join(', ')}`
  return Object.entries(fields).find(([name, type]) => !fits(value[name], type))?.[0]
}

function fits(value: unknown, type: FieldType): boolean {
  switch (type.is) {
    case 'text':
      return (value === null && type.orNull === true) || (typeof value === 'string' && value.length <= type.max)
    case 'choice':
      return (value === null && type.orNull === true) || (typeof value === 'string' && type.of.includes(value))
    case 'whole':
      return (
        (value === null && type.orNull === true) || (Number.isSafeInteger(value) && Number(value) >= 0 && !Object.is(value, -0))
      )
    case 'list':
      return Array.isArray(value) && value.length <= type.items && value.every((one) => fits(one, text(type.max)))
    case 'map':
      return (
        isMap(value) &&
        Object.keys(value).length <= type.items &&
        Object.entries(value).every(([key, one]) => key.length <= type.key && fits(one, text(type.max)))
      )
    default:
      return false
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
