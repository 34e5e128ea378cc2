import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StintError } from '../errors.ts'

const MAX_BYTES = 64 * 1024

/**
 * The text of a private file, made with `create` if there is none: whole or not at all, durable, mode 0600; whoever is second
 * reads the first one's. Throws `state_unsafe` when it is a link, another user's, or open to others.
 */
export async function readOrCreate(path: string, create: () => Promise<string>): Promise<string> {
  const text = (await readPrivate(path)) ?? (await createPrivate(path, await create()))
  if (text === undefined) throw new StintError('state_unsafe', `${path} vanished while it was made`)
  return text
}

async function readPrivate(path: string): Promise<string | undefined> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(absent(path))
  if (file === undefined) return undefined
  try {
    const { mode, uid, size } = await file.stat()
    const regular = (mode & constants.S_IFMT) === constants.S_IFREG
    if (!regular || size > MAX_BYTES) throw new StintError('state_unsafe', `${path} is not an ordinary key file`)
    if (process.getuid === undefined) return await file.readFile('utf8')
    if (uid !== process.getuid()) throw new StintError('state_unsafe', `${path} belongs to another user`)
    if ((mode & 0o077) !== 0) throw new StintError('state_unsafe', `${path} is open to others; it must have mode 0600`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}

function absent(path: string): (thrown: NodeJS.ErrnoException) => undefined {
  return (thrown) => {
    if (thrown.code === 'ENOENT') return undefined
    if (thrown.code === 'ELOOP') throw new StintError('state_unsafe', `${path} is a symbolic link; it must be the file itself`)
    throw new StintError('state_unsafe', `${path} cannot be read`, { operatorDetail: thrown.message, cause: thrown })
  }
}

async function createPrivate(path: string, text: string): Promise<string | undefined> {
  const draft = `${path}.${randomUUID()}`
  try {
    await writeDurably(draft, text)
    await link(draft, path).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EEXIST') throw thrown
    })
    await syncDirectory(dirname(path))
  } catch (thrown) {
    const operatorDetail = String(thrown)
    throw new StintError('state_unsafe', `${path} cannot be made`, { operatorDetail, cause: thrown })
  } finally {
    await rm(draft, { force: true })
  }
  return await readPrivate(path)
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
