import type { ServerResponse } from 'node:http'
import { breakOff } from './break-off.ts'
import type { Reply } from './reply.ts'
import { pairsOf } from './trailers.ts'

/** Node writes a head and a body in one go only when both are text; up to here the copy costs less than the second write. */
const MAX_JOINED = 16 * 1024

/** Whole answers of this turn, each of an exchange that is open until its answer is closed. */
let burst: Http1Reply[] = []

/** A reply over HTTP/1.0 or 1.1. A class, because one is made for every request. */
export class Http1Reply implements Reply {
  readonly #response: ServerResponse
  readonly #isOld: boolean
  #rest: string | undefined

  constructor(response: ServerResponse, httpVersion: string) {
    this.#response = response
    this.#isOld = httpVersion === '1.0'
  }

  get started(): boolean {
    return this.#response.headersSent
  }

  get open(): boolean {
    return !this.#response.destroyed
  }

  get takesTrailers(): boolean {
    return !this.#isOld
  }

  sendContinue(): void {
    this.#response.writeContinue()
  }

  start(status: number, reason: string, headers: string[]): void {
    this.#response.sendDate = false
    this.#response.writeHead(status, reason, headers)
  }

  sendHead(): void {
    if (!this.#response.destroyed) this.#response.flushHeaders()
  }

  write(chunk: Uint8Array): boolean {
    return this.#response.destroyed || this.#response.write(chunk)
  }

  end(trailers: readonly string[], last?: Buffer, isWatched = false): void {
    if (this.#response.destroyed) return
    if (trailers.length > 0) this.#response.addTrailers(pairsOf(trailers))
    if (last === undefined) this.#response.end()
    else if (last.length > MAX_JOINED) this.#response.end(last)
    else if (isWatched) this.#endInBurst(last.toString('latin1'))
    else this.#response.end(last.toString('latin1'), 'latin1')
  }

  /**
   * What comes back in one turn of the event loop is written together at its end, so that clients on this machine are woken once and not
   * for each answer: a tenth of what a small request costs.
   */
  #endInBurst(rest: string): void {
    this.#rest = rest
    if (burst.push(this) === 1) setImmediate(Http1Reply.#endBurst)
  }

  static #endBurst(this: void): void {
    const replies = burst
    burst = []
    for (const reply of replies) if (!reply.#response.destroyed) reply.#response.end(reply.#rest, 'latin1')
  }

  reset(): void {
    const { socket } = this.#response
    if (socket === null || socket.destroyed) this.#response.destroy()
    else breakOff(socket)
  }

  whenDrained(resume: () => void): void {
    this.#response.once('drain', resume)
  }

  whenClosed(closed: (complete: boolean) => void): void {
    this.#response.once('close', () => closed(this.#response.writableFinished))
  }
}
