import { Readable } from 'node:stream'
import { StintError } from '../errors.ts'
import { countGarbage } from './garbage.ts'
import { malformed } from './refusal.ts'
import type { Rewrite } from './rewrite.ts'

/** The first bytes of a body, read so that the action can be named. `chunks` must be sent before the rest. */
export interface Prefix {
  readonly chunks: readonly Buffer[]
  readonly ended: boolean
}

/** What was read of a body that the decision does not need. */
export const NO_PREFIX: Prefix = { chunks: [], ended: false }

/** Limit for a body's first bytes to arrive, since nothing is decided before. */
const PREFIX_TIMEOUT_MS = 30_000

/** Reads until `bytes` are there or the body ends, and leaves the rest unread. Throws `malformed_request` when it breaks off. */
export function readPrefix(source: Readable, bytes: number): Promise<Prefix> {
  return new Promise((done, fail) => {
    const chunks: Buffer[] = []
    let size = 0
    const stop = () => {
      clearTimeout(timer)
      source.pause().off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose)
    }
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size < bytes) return
      stop()
      done({ chunks, ended: false })
    }
    const onEnd = () => {
      stop()
      done({ chunks, ended: true })
    }
    const onClose = () => {
      stop()
      fail(malformed('the body broke off'))
    }
    const timer = setTimeout(onClose, PREFIX_TIMEOUT_MS)
    source.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose).resume()
  })
}

/** A body on its way to the target: the prefix, then the rest as it comes, with backpressure. Its end is the source's end. */
export class Upload extends Readable {
  /** Bytes handed on. */
  size = 0
  readonly #source: Readable
  readonly #rewrite: Rewrite | undefined

  constructor(source: Readable, prefix: Prefix, rewrite: Rewrite | undefined) {
    super()
    this.#source = source
    this.#rewrite = rewrite
    for (const chunk of prefix.chunks) this.#onData(chunk)
    if (prefix.ended) this.#onEnd()
    else source.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onBreak).on('close', this.#onBreak)
    if (!prefix.ended && source.destroyed) this.#onBreak()
  }

  override _read(): void {
    this.#source.resume()
  }

  /** What the client still sends is read and dropped, so that its connection can end in order. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onBreak)
    this.#source.resume()
    done(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    const bytes = this.#rewrite === undefined ? chunk : this.#rewrite.push(chunk)
    this.size += bytes.length
    countGarbage(chunk.length)
    if (bytes.length > 0 && !this.push(bytes)) this.#source.pause()
  }

  readonly #onEnd = (): void => {
    const rest = this.#rewrite?.end()
    if (rest !== undefined && rest.length > 0) {
      this.size += rest.length
      this.push(rest)
    }
    this.push(null)
  }

  readonly #onBreak = (): void => {
    if (!this.readableEnded && !this.#source.readableEnded)
      this.destroy(new StintError('malformed_request', 'the body broke off'))
  }
}
