import { access, copyFile, mkdir, mkdtemp, readdir, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { StintError } from '../errors.ts'
import type { PolicyFile } from './policy-set.ts'
import { SCHEMA_FILE, schemaText } from './schema.ts'

/** The policies that come with Stint. */
export const STARTER_DIRECTORY = fileURLToPath(new URL('.', SCHEMA_FILE))

/**
 * Makes the directory with the starter policies and their tests in it, all at once, where there is none. One that exists is left
 * alone, also an empty one: it denies everything, and somebody may want that. Answers what it copied.
 */
export async function installStarter(directory: string): Promise<readonly string[]> {
  if (await exists(directory)) return []
  const names = (await readdir(STARTER_DIRECTORY)).filter((name) => isPolicyFile(name) || name.endsWith('.test.yaml'))
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
  const draft = await mkdtemp(`${directory}.new-`)
  for (const name of names) await copyFile(join(STARTER_DIRECTORY, name), join(draft, name))
  await rename(draft, directory)
  return names
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}

/**
 * Reads every *.cedar file of the directory, sorted by name. Throws `policy_invalid` where one cannot be read or is not UTF-8,
 * and where the directory holds a schema of its own, which would seem to be in force and is not.
 */
export async function readPolicyFiles(directory: string): Promise<PolicyFile[]> {
  const names = (await refuseUnreadable(directory, readdir(directory))).sort()
  const read = async (name: string): Promise<PolicyFile> => {
    return { name, text: decode(name, await refuseUnreadable(name, readFile(join(directory, name)))) }
  }
  const schemas = await Promise.all(names.filter((name) => name.endsWith('.cedarschema')).map(read))
  const foreign = schemas.find(({ text }) => text !== schemaText)
  if (foreign === undefined) return Promise.all(names.filter(isPolicyFile).map(read))
  throw new StintError(
    'policy_invalid',
    `${foreign.name}:1:1: the schema comes with Stint and cannot be replaced; delete this file`,
  )
}

/** Two readings this far apart must be equal: an editor that truncates and then writes must not be seen half-way. */
const SETTLE_MS = 60
const MAX_READINGS = 50

/** Reads the files once they hold still. Throws `policy_invalid` if they do not. */
export async function readSettledFiles(directory: string): Promise<PolicyFile[]> {
  let last = await readPolicyFiles(directory)
  for (let reading = 1; reading < MAX_READINGS; reading++) {
    await setTimeout(SETTLE_MS)
    const next = await readPolicyFiles(directory)
    if (JSON.stringify(next) === JSON.stringify(last)) return next
    last = next
  }
  throw new StintError('policy_invalid', `${directory} keeps changing`)
}

function isPolicyFile(name: string): boolean {
  return name.endsWith('.cedar') && !name.startsWith('.')
}

function decode(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r\n?/g, '\n')
  } catch (cause) {
    throw new StintError('policy_invalid', `${name}:1:1: the file is not UTF-8`, { cause })
  }
}

async function refuseUnreadable<T>(what: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    throw new StintError('policy_invalid', `${what} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
