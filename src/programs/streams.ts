import { StintError } from '../errors.ts'
import type { Routed } from './message.ts'

/** Where the answer to one HTTP request goes (MCP, "Streamable HTTP"). After `end` or `fail` nothing more comes. */
export interface Answer {
  start(status: number, headers: Readonly<Record<string, string>>): void
  data(text: string): void
  end(): void
  /** Only while it has not started. */
  fail(error: StintError): void
}

/** A request that its program has not answered. */
export interface Pending {
  readonly id: string | number
  readonly method: string
  /** What its progress is told under. */
  readonly token: string | number | undefined
  /** Of its answer, where that is no error. */
  readonly headers: Readonly<Record<string, string>>
  readonly answer: Answer
}

const JSON_TYPE = { 'content-type': 'application/json' }
const EVENTS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }
/** Messages that no stream is open for. */
const MAX_HELD = 100
const MAX_HELD_CHARACTERS = 1024 * 1024
/** JSON-RPC 2.0, section 5.1. */
const INTERNAL = -32603

/** The open HTTP answers of one session, and which message of its program goes to which. */
export class Streams {
  readonly #pending = new Map<string | number, Pending>()
  readonly #begun = new Set<Pending>()
  #listener: Answer | undefined
  #held: string[] = []
  #heldCharacters = 0

  get isIdle(): boolean {
    return this.#pending.size === 0 && this.#listener === undefined
  }

  /** False where a request of that id is under way. */
  add(pending: Pending): boolean {
    if (this.#pending.has(pending.id)) return false
    this.#pending.set(pending.id, pending)
    return true
  }

  /** False where it was answered, or given up, before. */
  delete(pending: Pending): boolean {
    this.#begun.delete(pending)
    return this.#pending.get(pending.id) === pending && this.#pending.delete(pending.id)
  }

  has(pending: Pending): boolean {
    return this.#pending.get(pending.id) === pending
  }

  isBegun(pending: Pending): boolean {
    return this.#begun.has(pending)
  }

  /** What no request is told, as a GET hears it. One at a time: who asks later is the one that hears. */
  listen(answer: Answer): void {
    this.#listener?.end()
    this.#listener = answer
    answer.start(200, EVENTS)
    for (const text of this.#held) answer.data(eventOf(text))
    this.#held = []
    this.#heldCharacters = 0
  }

  unlisten(answer: Answer): void {
    if (this.#listener === answer) this.#listener = undefined
  }

  /** Answers what was answered; undefined where its asker has gone. */
  settle(text: string, { id, isError }: Routed): Pending | undefined {
    const pending = id === undefined ? undefined : this.#pending.get(id)
    if (pending === undefined) return undefined
    if (this.#begun.has(pending)) pending.answer.data(eventOf(text))
    else {
      pending.answer.start(200, { ...JSON_TYPE, ...(!isError && pending.headers) })
      pending.answer.data(text)
    }
    this.delete(pending)
    pending.answer.end()
    return pending
  }

  /** Passes on what a program asks or tells by itself; false where nobody hears it and no more can be kept. */
  tell(text: string, message: Routed): boolean {
    const pending = this.#ownOf(message) ?? this.#newestFor(message)
    if (pending !== undefined) {
      if (!this.#begun.has(pending)) pending.answer.start(200, { ...EVENTS, ...pending.headers })
      this.#begun.add(pending)
      pending.answer.data(eventOf(text))
    } else if (this.#listener !== undefined) this.#listener.data(eventOf(text))
    else return this.#hold(text)
    return true
  }

  /** Says why to all that wait: what has begun is answered by a JSON-RPC error, the rest by the gateway's. */
  end(how: string): void {
    for (const pending of [...this.#pending.values()]) {
      const isBegun = this.#begun.has(pending)
      this.delete(pending)
      if (isBegun) {
        pending.answer.data(eventOf(errorOf(pending.id, INTERNAL, how)))
        pending.answer.end()
      } else pending.answer.fail(new StintError('upstream_failed', how))
    }
    this.#listener?.end()
    this.#listener = undefined
  }

  #ownOf({ about }: Routed): Pending | undefined {
    if (about === undefined) return undefined
    return [...this.#pending.values()].find(({ id, token }) => id === about || token === about)
  }

  /** What it asks goes with what it was asked last; what it tells to who listens, where somebody does. */
  #newestFor({ kind }: Routed): Pending | undefined {
    if (kind === 'notification' && this.#listener !== undefined) return undefined
    return [...this.#pending.values()].findLast(({ method }) => method !== 'initialize')
  }

  #hold(text: string): boolean {
    if (this.#held.length >= MAX_HELD || this.#heldCharacters + text.length > MAX_HELD_CHARACTERS) return false
    this.#held.push(text)
    this.#heldCharacters += text.length
    return true
  }
}

/** One server-sent event. A CR stands between tokens only, and would end a line here. */
function eventOf(text: string): string {
  return `data: ${text.replaceAll('\r', ' ')}\n\n`
}

/** A JSON-RPC error. */
export function errorOf(id: string | number | null, code: number, message: string): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message } })
}
