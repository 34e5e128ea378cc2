import { createHash } from 'node:crypto'
import { StintError } from '../../errors.ts'
import { type KeyEncryptionKey, type KeyRing, ringOf, unwrapWith, wrapWith } from '../key-ring.ts'
import type { KeySource } from '../key-source.ts'

/** A key is 32 bytes: 43 or 44 characters of base64 or base64url (RFC 4648, sections 4 and 5), or 64 of hex. */
const KEY = /^(?:[A-Za-z0-9+/_-]{43}=?|[0-9A-Fa-f]{64})$/
const MAX_KEYS = 8

/**
 * Keys that a command of the operator prints, one a line, the current one first; older ones still unwrap. `print` runs it. What it
 * printed is held in memory and stands in no message.
 */
export function commandKeys(print: () => Promise<string>): KeySource {
  let ring: KeyRing | undefined
  const opened = async (): Promise<KeyRing> => (ring ??= parse(await print()))
  return {
    what: 'the command of `vaultKeyCommand`',
    open: async () => void (await opened()),
    async wrap(keys) {
      const held = await opened()
      return keys.map((one) => wrapWith(held, one))
    },
    async unwrap(keys) {
      const held = await opened()
      return keys.map((one) => unwrapWith(held, one))
    },
    async renew() {
      const [held, printed] = [await opened(), parse(await print())]
      if (printed.current.id === held.current.id)
        throw new StintError('conflict', 'the command of `vaultKeyCommand` prints the same key; have it print a new one first')
      ring = ringOf(printed.current, ...held.all.values(), ...printed.all.values())
    },
    async forget(isRetired) {
      ring = isRetired || ring === undefined ? undefined : ringOf(ring.current)
    },
  }
}

function parse(text: string): KeyRing {
  const lines = text.trim().split(/\r?\n/)
  const [current, ...older] = lines.filter((line) => KEY.test(line)).map(keyOf)
  if (current === undefined || older.length + 1 !== lines.length || lines.length > MAX_KEYS)
    throw new StintError(
      'key_unavailable',
      'the command of `vaultKeyCommand` must print a key of 32 bytes in base64 or hex on one line, and older ones below it',
    )
  return ringOf(current, ...older)
}

/** The id is made from the key, so that another key is known for one before anything is tried with it. */
function keyOf(line: string): KeyEncryptionKey {
  const bytes = Buffer.from(line, line.length === 64 ? 'hex' : 'base64')
  const digest = createHash('sha256').update('stint vault key id\0').update(bytes).digest('hex')
  return { id: `command-${digest.slice(0, 12)}`, bytes }
}
