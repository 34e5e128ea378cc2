import { constants, lstatSync } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { IDS_AT, readIndexHead } from '../index-head.ts'
import type { Location } from './locate.ts'

const PIECE_BYTES = 1 << 20

/** Git has to be asked what there is: its files are not as they are known here. */
export class OtherStore extends Error {
  override readonly name = 'OtherStore'
}

/**
 * The ids of all objects, in pieces that hold until the next one, some more than once: what git would list, read from the indexes of its packs and the names of its loose
 * objects. Throws OtherStore where that could be something else. Attacker-controlled: read as numbers and names, and nothing is followed that
 * it names.
 */
export async function* readObjectStore({ objects, width }: Location): AsyncGenerator<Buffer> {
  try {
    if (isThere(join(objects, 'info/alternates'))) throw new OtherStore('it has objects of others')
    yield* readLoose(objects, width) // first: git puts what was loose into a pack before it takes it away
    for (const file of await listIndexes(join(objects, 'pack'))) yield* readIndex(file, width)
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown) throw new OtherStore(thrown.message, { cause: thrown })
    throw thrown
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Those that have a pack: git lists no others. */
async function listIndexes(directory: string): Promise<string[]> {
  if (!isThere(directory)) return []
  const names = new Set(await readdir(directory))
  const indexes = [...names].filter((name) => name.endsWith('.idx') && names.has(name.replace(/idx$/, 'pack')))
  return indexes.map((name) => join(directory, name))
}

async function* readIndex(path: string, width: number): AsyncGenerator<Buffer> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  const stats = await file.stat()
  const head = await read(file, 0, Buffer.allocUnsafe(IDS_AT))
  const upTo = stats.isFile() ? readIndexHead(head, stats.size, width) : undefined
  if (upTo === undefined) throw new OtherStore(`${path} is no index of version 2`)
  const end = IDS_AT + (upTo[255] as number) * width
  const piece = Buffer.allocUnsafe(Math.min(end - IDS_AT, PIECE_BYTES - (PIECE_BYTES % width)))
  for (let at = IDS_AT; at < end; at += piece.length) yield await read(file, at, piece.subarray(0, end - at))
}

/** Fills the room with what stands at a position. */
async function read(file: FileHandle, position: number, room: Buffer): Promise<Buffer> {
  const { bytesRead } = await file.read(room, 0, room.length, position)
  if (bytesRead !== room.length) throw new OtherStore('a file ended too early')
  return room
}

/** `ab/cdef…` (gitrepository-layout.txt). */
async function* readLoose(objects: string, width: number): AsyncGenerator<Buffer> {
  const isRest = new RegExp(`^[0-9a-fA-F]{${width * 2 - 2}}$`)
  for (const folder of await readdir(objects)) {
    if (!/^[0-9a-f]{2}$/.test(folder)) continue
    const names = (await readdir(join(objects, folder))).filter((name) => isRest.test(name))
    yield Buffer.from(names.map((name) => folder + name).join(''), 'hex')
  }
}
