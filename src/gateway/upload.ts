import { Readable } from 'node:stream'
import { asStintError, StintError } from '../errors.ts'
import type { CountOut } from '../model.ts'
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
    if (source.readableEnded)
      onEnd() // with the bytes that were read before, although it was paused at once
    else if (source.destroyed) onClose()
  })
}

/**
 * A body on its way to the target: the prefix, then the rest as it comes, with backpressure. Its end is the source's end. Where its bytes
 * are counted each goes on after it was; what a budget has too little left for breaks it off with `budget_exceeded`.
 */
export class Upload extends Readable {
  /** Bytes handed on. */
  size = 0
  readonly #source: Readable
  readonly #rewrite: Rewrite | undefined
  readonly #count: CountOut | undefined
  /** What came while the bytes before it were being counted; null is the end. */
  #waiting: (Buffer | null)[] | undefined

  constructor(source: Readable, prefix: Prefix, rewrite: Rewrite | undefined, count?: CountOut) {
    super()
    this.#source = source
    this.#rewrite = rewrite
    this.#count = count
    for (const chunk of prefix.chunks) this.#onData(chunk)
    const hasEnded = prefix.ended || source.readableEnded
    if (hasEnded) this.#onEnd()
    else source.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onBreak).on('close', this.#onBreak)
    if (!hasEnded && source.destroyed) this.#onBreak()
  }

  override _read(): void {
    if (this.#waiting === undefined) this.#source.resume()
  }

  /** What the client still sends is read and dropped, so that its connection can end in order. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#source.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onBreak)
    this.#source.resume()
    done(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    const bytes = this.#rewrite === undefined ? chunk : this.#rewrite.push(chunk)
    countGarbage(chunk.length)
    if (bytes.length > 0) this.#hand(bytes)
  }

  readonly #onEnd = (): void => {
    const rest = this.#rewrite?.end()
    if (rest !== undefined && rest.length > 0) this.#hand(rest)
    this.#hand(null)
  }

  /** In order: nothing overtakes what is being counted. */
  #hand(bytes: Buffer | null): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push(bytes)
      return
    }
    const counted = bytes === null ? true : (this.#count?.(bytes.length) ?? true)
    if (counted === true) this.#pass(bytes)
    else this.#wait(bytes, counted)
  }

  #pass(bytes: Buffer | null): void {
    this.size += bytes?.length ?? 0
    if (!this.push(bytes) && bytes !== null) this.#source.pause()
  }

  #wait(bytes: Buffer | null, counted: Promise<boolean>): void {
    this.#waiting = []
    this.#source.pause()
    counted.then(
      (isAfforded) => {
        if (this.destroyed) return
        if (isAfforded) this.#go(bytes)
        else this.destroy(new StintError('budget_exceeded', 'the body was cut off: the task has used up its budget of bytesOut'))
      },
      (thrown) => this.destroy(asStintError(thrown)),
    )
  }

  #go(bytes: Buffer | null): void {
    const waited = this.#waiting ?? []
    this.#waiting = undefined
    this.#source.resume()
    this.#pass(bytes)
    for (const one of waited) this.#hand(one)
  }

  readonly #onBreak = (error?: unknown): void => {
    if (!this.readableEnded && !this.#source.readableEnded)
      this.destroy(error instanceof StintError ? error : new StintError('malformed_request', 'the body broke off'))
  }
}
