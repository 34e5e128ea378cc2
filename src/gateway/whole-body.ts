import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { StintError } from '../errors.ts'
import type { Arrival } from './arrival.ts'
import { countGarbage } from './garbage.ts'
import type { Spool } from './spool.ts'
import { NO_PREFIX, type Prefix, readPrefix } from './upload.ts'

/** A body that was read to its end: what it is, and the very same bytes again, for sending. Attacker-controlled. */
export interface WholeBody {
  /** SHA-256, hex. */
  readonly digest: string
  readonly size: number
  /** Its first bytes, for people. */
  readonly beginning: Buffer
  readonly prefix: Prefix
  /** What follows the prefix. */
  readonly source: Readable
  /** It was sent or refused: nothing of it is kept. */
  close(): Promise<void>
}

/** How much of a body is read, and where what is too long for memory waits. */
export interface Room {
  /** What its header section says of it, in bytes; 0 where it does not. */
  readonly said: number
  readonly most: number
  /** A revocation ends the reading, as it ends all else of the request. */
  readonly flow: { readonly isCut: boolean }
  openSpool(): Promise<Spool>
}

/** Bytes of one body that are held in memory. */
const MOST_IN_MEMORY = 1 << 20
/** Bytes that are read, hashed and written before more is taken in. A client that takes more than 30 seconds for as many is refused. */
const PART = 1 << 16
/** What takes longer than this in all is refused, since it keeps others from the disk. */
const LONGEST_MS = 30 * 60_000
/** More than people are shown. */
const BEGINNING = 8192

/**
 * Reads a body to its end, from what was read of it. Throws `body_too_large` where it has more bytes than `most`, `malformed_request`
 * when it breaks off, `store_unavailable` when it is too long for memory and the disk does not take it.
 */
export async function readWhole(arrival: Arrival, read: Prefix, { said, most, flow, openSpool }: Room): Promise<WholeBody> {
  refuseLarger(said, most)
  const first = await readOn(arrival, read, Math.min(MOST_IN_MEMORY, most) + 1)
  const tally = createTally(most)
  tally.count(first.chunks)
  const beginning = Buffer.concat(first.chunks, Math.min(tally.size, BEGINNING))
  const close = async (): Promise<void> => undefined
  if (first.ended) return { ...tally.sum(), beginning, prefix: first, source: arrival.body, close }
  const endsAt = performance.now() + LONGEST_MS
  const spool = await openSpool()
  try {
    await spool.append(Buffer.concat(first.chunks))
    for (let ended = false; !ended; ) {
      if (flow.isCut) throw new StintError('revoked', 'it was revoked before anything was sent')
      if (performance.now() > endsAt) throw new StintError('malformed_request', 'the body took too long to come')
      const part = await readPrefix(arrival.body, PART)
      tally.count(part.chunks)
      if (part.chunks.length > 0) await spool.append(Buffer.concat(part.chunks))
      ended = part.ended
    }
  } catch (thrown) {
    await spool.close()
    throw thrown
  }
  return { ...tally.sum(), beginning, prefix: NO_PREFIX, source: spool.read(), close: spool.close }
}

function createTally(most: number) {
  const hash = createHash('sha256')
  let size = 0
  return {
    get size() {
      return size
    },
    count(chunks: readonly Buffer[]): void {
      for (const chunk of chunks) {
        size += chunk.length
        refuseLarger(size, most)
        hash.update(chunk)
        countGarbage(chunk.length)
      }
    },
    sum: () => ({ digest: hash.digest('hex'), size }),
  }
}

/** The client is told to go on only here: the decision itself needs the body. */
async function readOn(arrival: Arrival, read: Prefix, bytes: number): Promise<Prefix> {
  const size = read.chunks.reduce((sum, { length }) => sum + length, 0)
  if (read.ended || size >= bytes) return read
  if (arrival.expectsContinue) arrival.reply.sendContinue()
  const { chunks, ended } = await readPrefix(arrival.body, bytes - size)
  return { chunks: [...read.chunks, ...chunks], ended }
}

function refuseLarger(size: number, most: number): void {
  if (size > most)
    throw new StintError('body_too_large', `this needs a person's consent, which covers a body of ${most} bytes at most`)
}
