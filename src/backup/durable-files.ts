import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StintError } from '../errors.ts'

/** A small file of the data directory, as it was at one moment. */
export interface DurableFile {
  readonly name: string
  readonly mode: number
  readonly bytes: Buffer
}

const MAX_BYTES = 16 << 20
const MAX_DEPTH = 8
/** A file that is about to take another's place: private-file.ts. */
const DRAFT = /\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** How often files may change under a backup before it gives up. */
const ATTEMPTS = 5

/**
 * The files between whose two equal readings `copy` ran, again and again until they are equal: what it copied and they are then of one
 * moment, so that a vault's key is the one its records are sealed under. Throws as `readDurableFiles`, and when they keep changing.
 */
export async function readSettledFiles(
  directory: string,
  skipped: ReadonlySet<string>,
  copy: () => Promise<void>,
): Promise<readonly DurableFile[]> {
  let before = await readDurableFiles(directory, skipped)
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    await copy()
    const after = await readDurableFiles(directory, skipped)
    if (areSame(before, after)) return after
    before = after
  }
  throw new StintError('state_unsafe', `the files in ${directory} keep changing; try again`)
}

function areSame(some: readonly DurableFile[], others: readonly DurableFile[]): boolean {
  if (some.length !== others.length) return false
  return some.every(({ name, bytes }, at) => name === others[at]?.name && bytes.equals(others[at].bytes))
}

/**
 * Every file below the directory that a restored Stint needs, links read as what they lead to: all but `skipped`, drafts, and what is
 * hidden or no file. Throws `state_unsafe` for one that is larger than 16 MiB or cannot be read.
 */
async function readDurableFiles(directory: string, skipped: ReadonlySet<string>): Promise<readonly DurableFile[]> {
  const names = await namesBelow(directory, '', 0)
  const files: DurableFile[] = []
  for (const name of names.filter((one) => !skipped.has(one.split('/', 1).join()))) {
    const file = await readOne(directory, name)
    if (file !== undefined) files.push(file)
  }
  return files
}

async function namesBelow(directory: string, prefix: string, depth: number): Promise<string[]> {
  if (depth > MAX_DEPTH) throw new StintError('state_unsafe', `${join(directory, prefix)} lies too deep for a backup`)
  const entries = await readdir(join(directory, prefix), { withFileTypes: true })
  const shown = entries
    .filter(({ name }) => !name.startsWith('.') && !DRAFT.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const below = shown.map((entry) => {
    const name = `${prefix}${entry.name}`
    return entry.isDirectory() ? namesBelow(directory, `${name}/`, depth + 1) : [name]
  })
  return (await Promise.all(below)).flat()
}

async function readOne(directory: string, name: string): Promise<DurableFile | undefined> {
  const path = join(directory, name)
  try {
    const { mode, size } = await stat(path).then((found) => (found.isFile() ? found : { mode: 0, size: -1 }))
    if (size < 0) return undefined
    if (size > MAX_BYTES)
      throw new StintError('state_unsafe', `${path} is too large for a backup; move it out of the data directory`)
    return { name, mode, bytes: await readFile(path) }
  } catch (cause) {
    if (cause instanceof StintError) throw cause
    throw new StintError('state_unsafe', `${path} cannot be read`, { operatorDetail: String(cause), cause })
  }
}
