import type { ServerResponse } from 'node:http'
import { breakOff } from './break-off.ts'
import type { Reply } from './reply.ts'
import { pairsOf } from './trailers.ts'

/** Node writes a head and a body in one go only when both are text; up to here the copy costs less than the second write. */
const MAX_JOINED = 16 * 1024

/** A reply over HTTP/1.0 or 1.1. A class, because one is made for every request. */
export class Http1Reply implements Reply {
  readonly #response: ServerResponse
  readonly #isOld: boolean

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

  end(trailers: readonly string[], last?: Buffer): void {
    if (this.#response.destroyed) return
    if (trailers.length > 0) this.#response.addTrailers(pairsOf(trailers))
    if (last === undefined) this.#response.end()
    else if (last.length > MAX_JOINED) this.#response.end(last)
    else this.#response.end(last.toString('latin1'), 'latin1')
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
