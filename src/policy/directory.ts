import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { StintError } from '../errors.ts'
import type { PolicyFile } from './policy-set.ts'

/** The name that a copy of Stint's own schema has. Of whatever version it is, nobody reads it. */
export const SCHEMA_COPY = 'schema.cedarschema'

/**
 * Reads every *.cedar file of the directory, sorted by name. Throws `policy_invalid` where one cannot be read or is not UTF-8,
 * and where the directory holds a schema of its own, which would seem to be in force and is not. A copy of Stint's schema is passed over.
 */
export async function readPolicyFiles(directory: string): Promise<PolicyFile[]> {
  const names = (await refuseUnreadable(directory, readdir(directory))).sort()
  const read = async (name: string): Promise<PolicyFile> => {
    return { name, text: decode(name, await refuseUnreadable(name, readFile(join(directory, name)))) }
  }
  const foreign = names.find((name) => name.endsWith('.cedarschema') && name !== SCHEMA_COPY)
  if (foreign === undefined) return Promise.all(names.filter(isPolicyFile).map(read))
  throw new StintError('policy_invalid', `${foreign}:1:1: the schema comes with Stint and cannot be replaced; delete this file`)
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

/** True for what is in force; a hidden file is not. */
export function isPolicyFile(name: string): boolean {
  return name.endsWith('.cedar') && !name.startsWith('.')
}

function decode(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r\n?/g, '\n')
  } catch (cause) {
    throw new StintError('policy_invalid', `${name}:1:1: the file is not UTF-8`, { cause })
  }
}

/** Passes an answer on. Throws `policy_invalid` with the name of what cannot be read. */
export async function refuseUnreadable<T>(what: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (cause) {
    throw new StintError('policy_invalid', `${what} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
