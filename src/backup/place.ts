import { randomUUID } from 'node:crypto'
import { type FileHandle, link, lstat, mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StintError } from '../errors.ts'
import type { Member } from './tar.ts'

/**
 * Writes a new file, mode 0600: whole, durable and then there, or not there at all. Throws `conflict` when something has its name,
 * `state_unsafe` when it cannot be written. Answers its bytes.
 */
export async function writeNewFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const draft = `${path}.${randomUUID()}`
  try {
    const size = await writeDurably(draft, 0o600, chunks)
    await link(draft, path)
    await syncDirectory(dirname(path))
    return size
  } catch (thrown) {
    if (isCode(thrown, 'EEXIST')) throw new StintError('conflict', `${path} is there already`)
    throw unwritable(path, thrown)
  } finally {
    await rm(draft, { force: true })
  }
}

/**
 * Fills a new directory and moves it to `home` when `fill` resolved: at any instant `home` holds all of it or nothing. Throws `conflict`
 * when something is there already, and whatever `fill` throws; then nothing is left behind.
 */
export async function fillDirectory(home: string, fill: (directory: string) => Promise<void>): Promise<void> {
  await refuseTaken(home)
  await mkdir(dirname(home), { recursive: true, mode: 0o700 })
  const draft = await mkdtemp(`${home}.restoring-`) // mode 0700
  try {
    await fill(draft)
    await syncDirectory(draft)
    await rename(draft, home) // onto nothing, or an empty directory: rename(2)
    await syncDirectory(dirname(home))
  } catch (thrown) {
    if (isCode(thrown, 'ENOTEMPTY')) throw taken(home)
    throw unwritable(home, thrown)
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

/** Writes a member below the directory, for the owner alone to change; readable by others only where it was. */
export async function placeMember(directory: string, { name, mode, content }: Member): Promise<void> {
  const path = join(directory, name)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeDurably(path, 0o600 | (mode & 0o044), content)
  await syncDirectory(dirname(path))
}

async function refuseTaken(home: string): Promise<void> {
  const found = await lstat(home).catch((thrown: unknown) => {
    if (isCode(thrown, 'ENOENT')) return undefined
    throw unwritable(home, thrown)
  })
  if (found === undefined) return
  if (!found.isDirectory() || (await readdir(home)).length > 0) throw taken(home)
}

async function writeDurably(path: string, mode: number, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  await using file = await open(path, 'wx', mode)
  await file.chmod(mode) // whatever the umask
  const size = await writeAll(file, chunks)
  await file.sync()
  return size
}

async function writeAll(file: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0
  for await (const chunk of chunks) {
    await file.writeFile(chunk)
    size += chunk.length
  }
  return size
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, 'r')
  await directory.sync()
}

function taken(home: string): StintError {
  return new StintError('conflict', `${home} is not an empty directory; name another one with --home`)
}

function unwritable(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof Error && 'code' in thrown && 'syscall' in thrown)) return thrown
  return new StintError('state_unsafe', `${path} cannot be written`, { operatorDetail: String(thrown), cause: thrown })
}

function isCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code
}
