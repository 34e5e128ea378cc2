import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { StintError } from '../../errors.ts'
import { createPrivate, readPrivate, replacePrivate } from '../../private-file.ts'
import { type KeyEncryptionKey, type KeyRing, ringOf, unwrapWith, wrapWith } from '../key-ring.ts'
import type { KeySource } from '../key-source.ts'

/** Keys in a file for the owner alone, made when there is none. Its methods throw `state_unsafe` for a missing or foreign file. */
export function fileKeys(path: string): KeySource {
  let ring: KeyRing | undefined
  const opened = (): KeyRing => ring ?? absent(path)
  return {
    what: `the key file ${path}`,
    async open(isUsed) {
      const found = (await readPrivate(path)) ?? (isUsed ? absent(path) : await createPrivate(path, print(ringOf(newKey()))))
      ring = parse(path, found)
    },
    wrap: async (keys) => keys.map((one) => wrapWith(opened(), one)),
    unwrap: async (keys) => keys.map((one) => unwrapWith(opened(), one)),
    async renew() {
      const { current, all } = opened()
      const older = [...all.values()].filter((key) => key !== current)
      await put(ringOf(newKey(), ...older, current))
    },
    async forget(isRetired) {
      if (!isRetired) return await put(ringOf(opened().current))
      await rm(path, { force: true })
      ring = undefined
    },
  }

  async function put(next: KeyRing): Promise<void> {
    await replacePrivate(path, print(next))
    ring = next
  }
}

function absent(path: string): never {
  throw new StintError('state_unsafe', `${path} is missing, and the vault holds credentials that only it opens; restore it`)
}

function newKey(): KeyEncryptionKey {
  return { id: randomBytes(6).toString('hex'), bytes: randomBytes(32) }
}

/** One line a key, the current one first: `id base64url`. */
function print({ current, all }: KeyRing): string {
  const keys = [current, ...[...all.values()].filter((key) => key !== current)]
  return keys.map(({ id, bytes }) => `${id} ${bytes.toString('base64url')}\n`).join('')
}

function parse(path: string, text: string): KeyRing {
  const [current, ...older] = text.trimEnd().split('\n').map(parseLine)
  if (current === undefined || older.includes(undefined))
    throw new StintError('state_unsafe', `${path} does not hold the keys of a vault`)
  return ringOf(current, ...older.filter((key) => key !== undefined))
}

function parseLine(line: string): KeyEncryptionKey | undefined {
  const [, id = '', key = ''] = /^([0-9a-f]{12}) ([A-Za-z0-9_-]{43})$/.exec(line) ?? []
  return id === '' ? undefined : { id, bytes: Buffer.from(key, 'base64url') }
}
