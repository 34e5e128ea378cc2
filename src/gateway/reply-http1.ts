import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Reply } from './reply.ts'

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

  write(chunk: Uint8Array): boolean {
    return this.#response.destroyed || this.#response.write(chunk)
  }

  end(trailers: readonly string[]): void {
    if (this.#response.destroyed) return
    if (trailers.length > 0) this.#response.addTrailers(pairsOf(trailers))
    this.#response.end()
  }

  /** A TCP reset, since a plain close reads as the end of a body that has no length. */
  reset(): void {
    const { socket } = this.#response
    if (socket === null || socket.destroyed) this.#response.destroy()
    else if (Object.getPrototypeOf(socket) === Socket.prototype) socket.resetAndDestroy()
    else socket.destroy()
  }

  whenDrained(resume: () => void): void {
    this.#response.once('drain', resume)
  }

  whenClosed(closed: (complete: boolean) => void): void {
    this.#response.once('close', () => closed(this.#response.writableFinished))
  }
}

function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? ''])
  return pairs
}
