import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { link, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StintError } from './errors.ts'

const MAX_BYTES = 64 * 1024

/** What is written: a text, or bytes in parts. */
type Content = string | Iterable<Uint8Array>

/**
 * The text of a file that only its owner can read, or undefined when there is none. Throws `state_unsafe` for a link, another
 * user's file, or one that others can read.
 */
export async function readPrivate(path: string): Promise<string | undefined> {
  return (await readPrivateBytes(path, MAX_BYTES))?.toString('utf8')
}

/** The same for what is no text, of `maxBytes` at most. */
export async function readPrivateBytes(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    refuseUnsafe(path, await file.stat(), maxBytes)
    return await file.readFile()
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw unsafe(path, thrown)
  }
}

/** The text of a private file, made with `create` if there is none; whoever is second reads the first one's. Throws `state_unsafe`. */
export async function readOrCreatePrivate(path: string, create: () => string | Promise<string>): Promise<string> {
  return (await readPrivate(path)) ?? (await createPrivate(path, await create()))
}

/** Makes the file, whole or not at all, durable, mode 0600; one that is there already stays, and is what is answered. */
export async function createPrivate(path: string, text: string): Promise<string> {
  await place(path, text, async (draft) => {
    await link(draft, path).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EEXIST') throw thrown
    })
  })
  const found = await readPrivate(path)
  if (found === undefined) throw new StintError('state_unsafe', `${path} vanished while it was made`)
  return found
}

/** Puts new content in the place of the file's: at any instant it holds the old or the new. Throws `state_unsafe`. */
export async function replacePrivate(path: string, text: Content): Promise<void> {
  await place(path, text, (draft) => rename(draft, path))
}

/** The same for a file that everyone may read. */
export async function replacePublic(path: string, text: string): Promise<void> {
  await place(path, text, (draft) => rename(draft, path), 0o644)
}

/** Refuses what others could read or have put there. Throws `state_unsafe`. */
export function refuseUnsafe(path: string, stats: Stats, maxBytes = Number.POSITIVE_INFINITY): void {
  if (!stats.isFile() || stats.size > maxBytes)
    throw new StintError('state_unsafe', `${path} is not a plain file of a fitting size`)
  if (process.getuid === undefined) return
  if (stats.uid !== process.getuid()) throw new StintError('state_unsafe', `${path} belongs to another user`)
  if ((stats.mode & 0o077) !== 0) throw new StintError('state_unsafe', `${path} must have mode 0600; run: chmod 600 ${path}`)
}

async function place(path: string, text: Content, move: (draft: string) => Promise<void>, mode = 0o600): Promise<void> {
  const draft = `${path}.${randomUUID()}`
  try {
    await writeDurably(draft, text, mode)
    await move(draft)
    await using directory = await open(dirname(path), constants.O_RDONLY)
    await directory.sync()
  } catch (thrown) {
    throw unsafe(path, thrown)
  } finally {
    await rm(draft, { force: true })
  }
}

async function writeDurably(path: string, text: Content, mode: number): Promise<void> {
  await using file = await open(path, 'wx', mode)
  await file.writeFile(text)
  await file.sync()
}

function unsafe(path: string, thrown: unknown): StintError {
  if (thrown instanceof StintError) return thrown
  const isLink = thrown instanceof Error && 'code' in thrown && thrown.code === 'ELOOP'
  const detail = isLink ? `${path} is a symbolic link; it must be the file itself` : `${path} cannot be read or written`
  return new StintError('state_unsafe', detail, { operatorDetail: String(thrown), cause: thrown })
}
