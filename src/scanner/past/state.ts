import { createHmac, timingSafeEqual } from 'node:crypto'
import { StintError } from '../../errors.ts'
import { readPrivateBytes, replacePrivate } from '../../private-file.ts'
import type { Finding } from '../finding.ts'
import type { Skipped } from '../job.ts'
import type { Origins } from '../sources/origins.ts'
import type { Ids } from './ids.ts'

/** What is kept of a scan of a repository for the next one. It holds no secret. */
export interface State {
  /** The digest of the rules that looked. */
  readonly rules: string
  /** The objects that were looked into, sorted. */
  readonly ids: Ids
  /** What was found in them, before git said where it came from. */
  readonly findings: readonly Finding[]
  /** What in them was not looked into. */
  readonly skipped: readonly Skipped[]
  /** By the commits that these reach. */
  readonly origins: Origins
  readonly tips: ReadonlySet<string>
  /** Every object could be read, and no commit was cut off from those before it: a new object is in new commits only. */
  readonly isWhole: boolean
}

const MAC_BYTES = 32
const HEAD_BYTES = MAC_BYTES + 4
const MOST_BYTES = 1 << 30
/** Findings' places and origins: of more no state is kept, which would take longer to read than it saves. */
const MOST_ROWS = 200_000

/** The name of a repository's file of state, which tells nothing without the key. */
export function nameOfState(key: Uint8Array, repository: string): string {
  return createHmac('sha256', key).update(`stint scan state of ${repository}`).digest('hex').slice(0, 32)
}

/** The state, undefined where there is none, or why it is of no use: whoever can write the file but has not the key makes none that is. */
export async function readState(file: string, name: string, key: Uint8Array, rules: string): Promise<State | string | undefined> {
  try {
    const bytes = await readPrivateBytes(file, MOST_BYTES)
    return bytes === undefined ? undefined : decode(bytes, name, key, rules)
  } catch (thrown) {
    if (thrown instanceof StintError) return thrown.detail
    throw thrown
  }
}

/** Puts the state in the place of an earlier one, whole or not at all. False where there is too much to keep. Throws `state_unsafe`. */
export async function writeState(file: string, name: string, key: Uint8Array, state: State): Promise<boolean> {
  const rows = [...state.origins.values(), ...state.findings.map(({ places }) => places)]
  if (rows.reduce((sum, { length }) => sum + length, 0) > MOST_ROWS) return false
  const { ids, origins, tips, ...rest } = state
  const json = Buffer.from(JSON.stringify({ ...rest, width: ids.width, origins: [...origins], tips: [...tips] }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  const parts = [length, json, ids.bytes]
  await replacePrivate(file, [macOf(key, name, parts), ...parts])
  return true
}

function decode(bytes: Buffer, name: string, key: Uint8Array, rules: string): State | string {
  const mac = bytes.subarray(0, MAC_BYTES)
  if (bytes.length < HEAD_BYTES || !timingSafeEqual(mac, macOf(key, name, [bytes.subarray(MAC_BYTES)])))
    return 'it is damaged, or was not written with this installation’s key for this repository'
  const end = HEAD_BYTES + bytes.readUInt32BE(MAC_BYTES)
  // Only who has the key wrote it, and of another version of this code the digest of the rules is another
  const { width, origins, tips, ...rest } = JSON.parse(bytes.toString('utf8', HEAD_BYTES, end))
  if (rest.rules !== rules) return 'the rules are others now'
  return { ...rest, ids: { bytes: bytes.subarray(end), width }, origins: new Map(origins), tips: new Set(tips) }
}

/** HMAC-SHA-256 (RFC 2104) over the name of the repository's state and what is in it, under a key for that alone. */
function macOf(key: Uint8Array, name: string, parts: readonly Buffer[]): Buffer {
  const mac = createHmac('sha256', createHmac('sha256', key).update('stint scan state').digest()).update(name)
  for (const part of parts) mac.update(part)
  return mac.digest()
}
