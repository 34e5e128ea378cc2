import { createHmac } from 'node:crypto'
import { type Confidence, sureness } from './rule.ts'

/** Where a secret was seen. What does not apply is absent. */
export interface Place {
  /** As the source names it, relative to what was scanned; then, for each archive it is in, `!` and its name in there. */
  readonly path?: string
  readonly line: number
  readonly column: number
  /** Entries of allow-lists whose words stand there, until it is settled whether they allow it. Absent in a report. */
  readonly marks?: readonly string[]
  /** In an export of a chat or of tickets: which message, issue or comment, and whose. */
  readonly where?: string
  /** In git: the object it stands in, and the commits that brought that in. */
  readonly object?: string
  readonly commit?: string
  readonly author?: string
  readonly email?: string
  /** RFC 3339. */
  readonly date?: string
}

/** One secret, wherever it lies. It does not hold the secret. */
export interface Finding {
  /** The same for the same secret in every scan with the same key, and nothing to anybody without that key. */
  readonly fingerprint: string
  readonly rule: string
  readonly provider: string
  readonly title: string
  readonly confidence: Confidence
  /** Enough to recognise it by, never enough to use it. */
  readonly preview: string
  readonly facts: Readonly<Record<string, string>>
  /** It stands in the baseline. Absent otherwise. */
  readonly known?: true
  readonly places: readonly Place[]
  /** How many places there are besides; absent where all are kept. */
  readonly morePlaces?: number
  /** Where it was asked for: whether it still opens something, and why we think so. */
  readonly verdict?: { readonly is: 'live' | 'dead' | 'unknown'; readonly why: string }
}

/** What a worker tells of one match. */
export interface Sighting extends Omit<Finding, 'places' | 'known'> {
  readonly place: Place
}

/** Names secrets by HMAC-SHA-256 (RFC 2104) under a key of the installation, cut to 128 bits. */
export function createFingerprint(key: Buffer): (secret: string) => string {
  return (secret) => createHmac('sha256', key).update(secret, 'latin1').digest('hex').slice(0, 32)
}

const LONG = 20

/** The first four characters of a long secret and how long it is; of a short one only that. Of a block, its first line. */
export function previewOf(secret: string): string {
  if (secret.startsWith('-----BEGIN')) return `${printable(secret.slice(0, secret.indexOf('-----', 10) + 5))} …`
  const shown = secret.length < LONG ? '' : printable(secret.slice(0, 4))
  return `${shown}${'*'.repeat(8)} (${secret.length} characters)`
}

/** The findings with nothing of what their secrets look like, for reports that go to others. */
export function withoutPreviews(findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => ({ ...finding, preview: 'redacted' }))
}

/** Without what would move a terminal's cursor or colour. */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '·')
}

/** The order of a report: what is surer first, then what lies in more places. */
export function byWorth(one: Finding, other: Finding): number {
  return (
    sureness(other.confidence) - sureness(one.confidence) ||
    other.places.length - one.places.length ||
    (one.fingerprint < other.fingerprint ? -1 : 1)
  )
}
