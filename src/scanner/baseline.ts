import { StintError } from '../errors.ts'
import { isMembers } from '../members.ts'
import { createFingerprint, type Finding } from './finding.ts'

interface Baseline {
  readonly version: 1
  readonly installation: string
  readonly known: readonly { readonly fingerprint: string }[]
}

/** Names the key of an installation without giving it away: fingerprints by another key are names of nothing here. */
function installationOf(key: Buffer): string {
  return createFingerprint(key)('stint scan baseline')
}

/** What was found, as a file of what is known from now on. */
export function writeBaseline(findings: readonly Finding[], key: Buffer): string {
  const known = findings.map(({ fingerprint, rule, title }) => ({ fingerprint, rule, title }))
  known.sort((one, other) => (one.fingerprint < other.fingerprint ? -1 : 1))
  return `${JSON.stringify({ version: 1, installation: installationOf(key), known }, null, 2)}\n`
}

/** The fingerprints of such a file. Throws `invalid_argument` for one that is none, or was made with another key. */
export function readBaseline(text: string, name: string, key: Buffer): ReadonlySet<string> {
  const read = readJson(text)
  if (!isBaseline(read)) throw new StintError('invalid_argument', `${name} is not a baseline; make one with --write-baseline`)
  if (read.installation !== installationOf(key))
    throw new StintError(
      'invalid_argument',
      `${name} was written with another key, so that its fingerprints mean nothing here; put that installation’s scanner.key into the data directory, or write the baseline anew`,
    )
  return new Set(read.known.map(({ fingerprint }) => fingerprint))
}

/** The findings, those that are known marked so. */
export function markKnown(findings: readonly Finding[], known: ReadonlySet<string>): Finding[] {
  return findings.map((finding) => (known.has(finding.fingerprint) ? { ...finding, known: true } : finding))
}

function isBaseline(read: unknown): read is Baseline {
  if (!isMembers(read) || read.version !== 1 || typeof read.installation !== 'string') return false
  return Array.isArray(read.known) && read.known.every((one) => isMembers(one) && typeof one.fingerprint === 'string')
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // it is none
  }
}
