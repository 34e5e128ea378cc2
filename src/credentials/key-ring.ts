import { randomBytes } from 'node:crypto'
import { StintError } from '../errors.ts'
import { createPrivate, readPrivate, replacePrivate } from '../private-file.ts'
import type { KeyEncryptionKey, KeyRing } from './seal.ts'

/**
 * The keys of the vault from their file. Makes one where there is none, unless `isNeeded`: then something sealed would be lost.
 * Throws `state_unsafe`.
 */
export async function openKeyRing(path: string, isNeeded: boolean): Promise<KeyRing> {
  const found = await readPrivate(path)
  if (found !== undefined) return parse(path, found)
  if (isNeeded)
    throw new StintError('state_unsafe', `${path} is missing, and the vault holds credentials that only it opens; restore it`)
  return parse(path, await createPrivate(path, print(ringOf(newKey()))))
}

/** A ring with a new current key that still opens what the old ones sealed; durable when it resolves. */
export async function extendKeyRing(path: string, ring: KeyRing): Promise<KeyRing> {
  const extended = ringOf(newKey(), ...ring.all.values())
  await replacePrivate(path, print(extended))
  return extended
}

/** Forgets every key but the current one, durably. */
export async function shrinkKeyRing(path: string, ring: KeyRing): Promise<KeyRing> {
  const shrunk = ringOf(ring.current)
  await replacePrivate(path, print(shrunk))
  return shrunk
}

function newKey(): KeyEncryptionKey {
  return { id: randomBytes(6).toString('hex'), bytes: randomBytes(32) }
}

function ringOf(current: KeyEncryptionKey, ...older: readonly KeyEncryptionKey[]): KeyRing {
  return { current, all: new Map([current, ...older].map((key) => [key.id, key])) }
}

/** One line a key, the current one first: `id base64url`. */
function print(ring: KeyRing): string {
  return [...ring.all.values()].map(({ id, bytes }) => `${id} ${bytes.toString('base64url')}\n`).join('')
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
