import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { createLineReader } from '../../lines.ts'
import { type Asked, type Came, exchange } from './exchange.ts'
import { agreedVersion, answerTo, type Carried, readCarried } from './message.ts'

/** Where the bridge stands: messages come and go as lines on one side (MCP, "stdio"), and over HTTP on the other. */
export interface BridgeEnds {
  readonly url: URL
  readonly input: Readable
  /** Resolves when more can be taken. */
  write(line: string): Promise<void>
  /** For people. */
  say(line: string): void
}

/** Bytes of a message; the gateway takes no longer ones. */
const MAX_LINE = 1024 * 1024
const COMMON = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const NOT_JSON = JSON.stringify({
  jsonrpc: '2.0',
  id: null,
  error: { code: -32700, message: 'a line is no message of JSON-RPC 2.0' },
})
const END_MS = 2000
const LISTEN_AGAIN_MS = 1000

/**
 * Carries messages until the input ends, or the server has forgotten the session; then what goes on is broken off, and the session ended.
 * Answers the exit code: 0 for the former, 1 for the latter.
 */
export async function bridge(ends: BridgeEnds): Promise<number> {
  const one = new Bridge(ends)
  const lines: string[] = []
  let isTooLong = false
  const reader = createLineReader(
    MAX_LINE,
    (line) => lines.push(line),
    () => {
      isTooLong = true
    },
  )
  const over = Promise.withResolvers<void>()
  one.over.addEventListener('abort', () => ends.input.destroy())
  const carrying = (async () => {
    for await (const chunk of ends.input as AsyncIterable<Buffer>) {
      reader.push(chunk)
      for (const line of lines.splice(0)) if (line.trim() !== '') await one.take(line)
      if (isTooLong) return ends.say(`a message has more than ${MAX_LINE} bytes`)
    }
  })()
  carrying.then(over.resolve, (thrown) => (one.over.aborted ? over.resolve() : over.reject(thrown)))
  await over.promise
  await one.end()
  return one.isLost || isTooLong ? 1 : 0
}

class Bridge {
  readonly #ends: BridgeEnds
  readonly #over = new AbortController()
  /** What goes on without a session, by its id: closing its answer cancels it (MCP 2026-07-28, "Cancellation"). */
  readonly #stateless = new Map<string | number, AbortController>()
  readonly #going = new Set<Promise<void>>()
  #session: string | undefined
  #version: string | undefined
  isLost = false

  constructor(ends: BridgeEnds) {
    this.#ends = ends
  }

  get over(): AbortSignal {
    return this.#over.signal
  }

  /** Sends one line; resolves when the next may be sent: after `initialize` has its answer, a notification is there, a request is on its way. */
  async take(line: string): Promise<void> {
    const message = readCarried(line)
    if (message === undefined) return this.#ends.write(NOT_JSON)
    const { cancels, id, method } = message
    const cancelled = cancels === undefined ? undefined : this.#stateless.get(cancels)
    if (cancelled !== undefined) return cancelled.abort()
    if (method === 'initialize') return this.#begin(line, message)
    const going = this.#carry(line, message)
    if (id === undefined) await going
    if (method === 'notifications/initialized' && this.#session !== undefined) this.#keep(this.#listen())
  }

  /** Breaks off what goes on. */
  async end(): Promise<void> {
    this.#over.abort()
    await Promise.all(this.#going)
    if (this.#session === undefined || this.isLost) return
    const asked: Asked = { method: 'DELETE', headers: this.#headers(), signal: AbortSignal.timeout(END_MS) }
    await exchange(this.#ends.url, asked, drop).catch((thrown) => this.#ends.say(`the session is not ended: ${String(thrown)}`))
  }

  async #begin(line: string, message: Carried): Promise<void> {
    let answered = ''
    const came = await this.#post(line, message, this.over, async (text) => {
      answered = text
      await this.#ends.write(text)
    })
    if (came === undefined || came.status >= 300) return
    this.#session = came.session
    this.#version = agreedVersion(came.isStream ? answered : came.text)
  }

  /** One message and all that comes back for it. */
  #carry(line: string, message: Carried): Promise<void> {
    const { id, fields } = message
    const own = new AbortController()
    const isStateless = id !== undefined && fields['mcp-method'] !== undefined
    if (isStateless) this.#stateless.set(id, own)
    const carrying = this.#post(line, message, AbortSignal.any([this.over, own.signal]), this.#ends.write).then(() => {
      if (isStateless && this.#stateless.get(id) === own) this.#stateless.delete(id)
    })
    this.#keep(carrying)
    return carrying
  }

  /** Undefined where it broke off. A request has its answer in every case but that nobody waits for it any more. */
  async #post(
    line: string,
    { id, fields }: Carried,
    signal: AbortSignal,
    onMessage: (text: string) => Promise<void>,
  ): Promise<Came | undefined> {
    try {
      const asked: Asked = { method: 'POST', headers: { ...this.#headers(), ...fields }, body: line, signal }
      const came = await exchange(this.#ends.url, asked, onMessage)
      const { status, text } = came
      const why = `the server answered HTTP ${status}`
      if (status >= 300 || (text !== '' && id === undefined)) this.#ends.say(why)
      if (id !== undefined && status >= 300) await this.#ends.write(answerTo(id, text, why))
      else if (text !== '' && id !== undefined) await this.#ends.write(text)
      if (status === 404 && this.#session !== undefined) this.#lose()
      return came
    } catch (thrown) {
      if (signal.aborted) return undefined
      const why = `the gateway cannot be reached: ${thrown instanceof Error ? thrown.message : String(thrown)}`
      this.#ends.say(why)
      if (id !== undefined) await this.#ends.write(answerTo(id, '', why))
      return undefined
    }
  }

  /** What the server says by itself (MCP 2025-11-25, "Listening for messages from the server"), again when it breaks off. */
  async #listen(): Promise<void> {
    while (!this.over.aborted) {
      const asked: Asked = { method: 'GET', headers: { ...this.#headers(), accept: 'text/event-stream' }, signal: this.over }
      const came = await exchange(this.#ends.url, asked, this.#ends.write).catch(() => undefined)
      if (came?.status === 404) return this.#lose()
      if (came !== undefined && came.status >= 400) return // it does not have that, or the task may not
      await pause(LISTEN_AGAIN_MS, undefined, { signal: this.over }).catch(drop)
    }
  }

  #headers(): Record<string, string> {
    return {
      ...COMMON,
      ...(this.#session !== undefined && { 'mcp-session-id': this.#session }),
      ...(this.#version !== undefined && { 'mcp-protocol-version': this.#version }),
    }
  }

  #keep(going: Promise<void>): void {
    this.#going.add(going)
    void going.finally(() => this.#going.delete(going))
  }

  #lose(): void {
    if (this.over.aborted) return
    this.isLost = true
    this.#ends.say('the server has forgotten the session; start again')
    this.#over.abort()
  }
}

async function drop(): Promise<void> {}
