import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { StintError } from '../errors.ts'

/** How much of the disk bodies may take at once, in bytes. */
export interface SpoolBounds {
  /** Made, for the owner's eyes, when it is first needed. */
  readonly directory: string
  readonly mostOfTask: number
  readonly mostOfAll: number
}

/** Where bodies wait that are too large for memory. */
export interface Spools {
  /** An empty one. Throws `store_unavailable`. */
  open(taskId: string): Promise<Spool>
}

/**
 * A body on the disk, in parts. Its file has no name from the moment it is opened, and each part is sealed with AES-256-GCM under a key
 * that is in memory only: what a killed process leaves behind nobody can read, and what somebody changes is not sent.
 */
export interface Spool {
  /** One after the other. Throws `body_too_large`, `store_unavailable`; then nothing of it is used. */
  append(part: Buffer): Promise<void>
  /** All parts in order, one in memory at a time. Ends with an error where one is not what was appended, or it is closed. */
  read(): Readable
  /** Frees what it takes of the disk. */
  close(): Promise<void>
}

const CIPHER = 'aes-256-gcm'
const TAG_BYTES = 16

/** None yet. */
export function createSpools({ directory, mostOfTask, mostOfAll }: SpoolBounds): Spools {
  const taken = new Map<string, number>()
  let all = 0

  /** Throws what `append` does. */
  function take(taskId: string, bytes: number): void {
    const ofTask = (taken.get(taskId) ?? 0) + bytes
    if (ofTask > mostOfTask)
      throw new StintError('body_too_large', `a person's consent covers bodies of ${mostOfTask} bytes of a task at once, at most`)
    if (all + bytes > mostOfAll)
      throw new StintError(
        'store_unavailable',
        'the disk space for large bodies that wait for consent is taken (approvalSpoolBytes); try again when others were answered',
      )
    taken.set(taskId, ofTask)
    all += bytes
  }

  function release(taskId: string, bytes: number): void {
    const left = (taken.get(taskId) ?? 0) - bytes
    if (left > 0) taken.set(taskId, left)
    else taken.delete(taskId)
    all -= bytes
  }

  return {
    async open(taskId) {
      const file = await openUnnamed(directory)
      let size = 0
      return createSpool(file, {
        take(bytes) {
          take(taskId, bytes)
          size += bytes
        },
        release() {
          release(taskId, size)
          size = 0
        },
      })
    },
  }
}

function createSpool(file: FileHandle, room: { take(bytes: number): void; release(): void }): Spool {
  const key = randomBytes(32)
  const lengths: number[] = []
  let end = 0
  return {
    async append(part) {
      room.take(part.length)
      const cipher = createCipheriv(CIPHER, key, nonceOf(lengths.length))
      await writeAll(file, Buffer.concat([cipher.update(part), cipher.final(), cipher.getAuthTag()]), end)
      lengths.push(part.length)
      end += part.length + TAG_BYTES
    },
    read: () => Readable.from(parts(), { objectMode: false, highWaterMark: 1 }),
    async close() {
      room.release()
      await file.close()
    },
  }

  async function* parts(): AsyncGenerator<Buffer> {
    let at = 0
    for (const [index, length] of lengths.entries()) {
      yield unseal(await readAll(file, at, length + TAG_BYTES), key, nonceOf(index))
      at += length + TAG_BYTES
    }
  }
}

/** Each key seals one body, and so each number once (NIST SP 800-38D, section 8.2.1). */
function nonceOf(index: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUInt32BE(index, 8)
  return nonce
}

function unseal(sealed: Buffer, key: Buffer, nonce: Buffer): Buffer {
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAuthTag(sealed.subarray(end))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()])
  } catch (cause) {
    throw new StintError('store_unavailable', 'what was kept of the body on the disk is not what came', { cause })
  }
}

async function openUnnamed(directory: string): Promise<FileHandle> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const path = join(directory, randomBytes(16).toString('hex'))
    const file = await open(path, 'wx+', 0o600)
    await rm(path)
    return file
  } catch (thrown) {
    throw unkept(thrown)
  }
}

async function writeAll(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
      done += bytesWritten
    }
  } catch (thrown) {
    throw unkept(thrown)
  }
}

async function readAll(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  try {
    for (let done = 0; done < length; ) {
      const { bytesRead } = await file.read(bytes, done, length - done, position + done)
      if (bytesRead === 0) throw new Error('the file ends early')
      done += bytesRead
    }
  } catch (thrown) {
    throw unkept(thrown)
  }
  return bytes
}

function unkept(thrown: unknown): StintError {
  const isFull = thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOSPC' || thrown.code === 'EDQUOT')
  const why = isFull ? 'the disk is full' : 'its file cannot be made, written or read'
  const detail = `a body this large waits for consent on the disk of the data directory, and ${why}`
  return new StintError('store_unavailable', detail, { operatorDetail: String(thrown), cause: thrown })
}
