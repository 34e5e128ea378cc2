import { createHash } from 'node:crypto'
import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { replacePrivate } from '../private-file.ts'
import { isPolicyFile, refuseUnreadable, SCHEMA_COPY } from './directory.ts'
import { SCHEMA_FILE } from './schema.ts'

/** The policies that come with Stint. */
export const STARTER_DIRECTORY = fileURLToPath(new URL('.', SCHEMA_FILE))

/** Which starter files the operator has had before them: lines as sha256sum(1) writes and checks them. */
const SEEN_FILE = 'starter.sha256'

/**
 * A starter file that is another than the operator has seen. Theirs is `untouched` (as an older version had it), `edited`, `missing`
 * (this version's is new, or was deleted before), or `left` (this version has none). A `stale` copy of the schema is read by nobody.
 */
export interface StarterChange {
  readonly name: string
  readonly yours: 'untouched' | 'edited' | 'missing' | 'left' | 'stale'
}

/**
 * Makes the directory with the starter policies and their tests in it, all at once, where there is none. One that exists is left
 * alone, also an empty one: it denies everything, and somebody may want that. Answers what it copied.
 */
export async function installStarter(directory: string): Promise<readonly string[]> {
  if (await exists(directory)) return []
  const starter = await digestStarter()
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
  const draft = await mkdtemp(`${directory}.new-`)
  for (const name of starter.keys()) await copyFile(join(STARTER_DIRECTORY, name), join(draft, name))
  await writeFile(join(draft, SEEN_FILE), write(starter), { mode: 0o600 })
  await rename(draft, directory)
  return [...starter.keys()]
}

/**
 * What an upgrade changed in the starter policies and this directory does not have: nothing is changed in it, the operator decides.
 * Equal files are no change, however they came to be. Throws `policy_invalid` where the directory cannot be read.
 */
export async function findStarterChanges(directory: string): Promise<readonly StarterChange[]> {
  const [starter, seen] = [await digestStarter(), await readSeen(directory)]
  const changes: StarterChange[] = []
  for (const name of new Set([...starter.keys(), ...seen.keys()])) {
    const [theirs, before, yours] = [starter.get(name), seen.get(name), await digest(directory, name)]
    if (yours === theirs || before === theirs) continue
    if (theirs === undefined) changes.push({ name, yours: 'left' })
    else if (yours === undefined) changes.push({ name, yours: 'missing' })
    else changes.push({ name, yours: yours === before ? 'untouched' : 'edited' })
  }
  const copy = await digest(directory, SCHEMA_COPY)
  const isStale = copy !== undefined && copy !== (await digest(STARTER_DIRECTORY, SCHEMA_COPY))
  return [...changes, ...(isStale ? [{ name: SCHEMA_COPY, yours: 'stale' } as const] : [])]
}

/** Takes note that the operator has seen the starter files of this version, so that only a later one is a change. */
export async function markStarterSeen(directory: string): Promise<void> {
  await replacePrivate(join(directory, SEEN_FILE), write(await digestStarter()))
}

type Digests = ReadonlyMap<string, string>

async function digestStarter(): Promise<Digests> {
  const names = (await readdir(STARTER_DIRECTORY)).filter((name) => isPolicyFile(name) || name.endsWith('.test.yaml'))
  return new Map(
    await Promise.all(names.sort().map(async (name) => [name, (await digest(STARTER_DIRECTORY, name)) ?? ''] as const)),
  )
}

/** Nothing where there is no note: an older version installed the directory, or the operator made it. */
async function readSeen(directory: string): Promise<Digests> {
  const lines = (await read(directory, SEEN_FILE))?.toString('utf8').split('\n') ?? []
  const parts = lines.map((line) => /^([0-9a-f]{64}) {2}(\w[\w.-]*)$/.exec(line)?.slice(1) ?? [])
  return new Map(parts.flatMap(([hash, name]) => (hash !== undefined && name !== undefined ? [[name, hash]] : [])))
}

function write(digests: Digests): string {
  return [...digests].map(([name, hash]) => `${hash}  ${name}\n`).join('')
}

async function digest(directory: string, name: string): Promise<string | undefined> {
  const bytes = await read(directory, name)
  return bytes && createHash('sha256').update(bytes).digest('hex')
}

function read(directory: string, name: string): Promise<Buffer | undefined> {
  const reading = readFile(join(directory, name)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return refuseUnreadable(name, reading)
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
