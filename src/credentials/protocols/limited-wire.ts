import { Duplex } from 'node:stream'
import { StintError } from '../../errors.ts'

/**
 * A connection for a driver to read, whatever it runs over: at most `maxBytes` of answer in all, and what is below it may change once, to
 * TLS. An attacker-controlled server that says more breaks it with `upstream_failed`.
 */
export class LimitedWire extends Duplex {
  #below: Duplex
  #left: number

  constructor(below: Duplex, maxBytes: number) {
    super()
    this.#left = maxBytes
    this.#below = below
    this.use(below)
  }

  /** What bytes go through now. */
  get below(): Duplex {
    return this.#below
  }

  /** From now on bytes go through `below`. */
  use(below: Duplex): void {
    this.#below.removeAllListeners('data')
    this.#below = below
    below.on('data', (chunk: Buffer) => {
      this.#left -= chunk.length
      if (this.#left < 0) this.destroy(new StintError('upstream_failed', 'the server answers too much'))
      else if (!this.push(chunk)) below.pause()
    })
    below.on('end', () => this.push(null))
    below.on('error', (thrown) => this.destroy(thrown))
    below.on('close', () => this.destroy())
  }

  override _read(): void {
    this.#below.resume()
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#below.write(chunk, done)
  }

  override _final(done: () => void): void {
    this.#below.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#below.destroy()
    done(error)
  }
}
