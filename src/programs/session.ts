import { StintError } from '../errors.ts'
import { progressTokenIn, type Routed, readRouted } from './message.ts'
import type { Hearing, Running } from './start-process.ts'
import { type Answer, errorOf, type Pending, Streams } from './streams.ts'

/** An HTTP request that waits, to its asker. */
export interface Waiting {
  /** Nobody waits any more. */
  abort(): void
  pause(): void
  resume(): void
}

/** How a session is bounded, and who hears of what. */
export interface SessionOptions {
  /** Until a request hears anything. */
  readonly silenceMs: number
  /** Until it is ended when nobody uses it. */
  readonly idleMs: number
  /** For the operator's log. */
  note(what: string): void
  onOver(): void
}

/** Until `initialize` is answered. */
const HANDSHAKE_MS = 60_000
/** Bytes that a program does not read before it counts as stuck. */
const MAX_UNREAD = 8 * 1024 * 1024
/** Lines that are no messages: some programs greet, none talks so. */
const MAX_GARBAGE = 100
/** Lines of one program in the operator's log. */
const MAX_SAID = 1000
/** JSON-RPC 2.0, section 5.1: Invalid Request. */
const NOT_REQUEST = -32600

/** One program, and the requests that wait for it: what is said over HTTP is said to it in lines, and the other way round. */
export class Session implements Hearing {
  readonly #options: SessionOptions
  readonly #streams = new Streams()
  readonly #unsent: string[] = []
  readonly #timers = new Map<Pending, NodeJS.Timeout>()
  readonly #idle: NodeJS.Timeout
  #running: Running | undefined
  #over: string | undefined
  #garbage = 0
  #said = 0
  #paused = 0

  constructor(options: SessionOptions) {
    this.#options = options
    this.#idle = setTimeout(() => (this.isIdle ? this.end() : this.#touch()), options.idleMs).unref()
  }

  /** Gives it its program; what was asked before is sent now. */
  attach(running: Running): void {
    this.#running = running
    if (this.#over !== undefined) running.kill()
    else for (const line of this.#unsent.splice(0)) running.send(line)
  }

  get isIdle(): boolean {
    return this.#streams.isIdle
  }

  get isOver(): boolean {
    return this.#over !== undefined
  }

  /** Sends what a POST carries. `headers` go with the answer to a request. */
  post(text: string, message: Routed, answer: Answer, headers: Readonly<Record<string, string>> = {}): Waiting {
    const stuck = (this.#running?.unread ?? 0) > MAX_UNREAD ? 'the target’s program does not read what it is sent' : undefined
    const refusal = this.#over ?? stuck
    this.#touch()
    if (refusal !== undefined) {
      answer.fail(new StintError('upstream_failed', refusal))
      return NOTHING_WAITS
    }
    const line = text.replaceAll(/[\r\n]+/g, ' ') // between tokens: JSON has none elsewhere (RFC 8259, section 2)
    if (message.kind === 'request' && message.id !== undefined)
      return this.#ask(line, { id: message.id, method: message.method, token: progressTokenIn(line), headers, answer })
    this.#send(line)
    answer.start(202, {})
    answer.end()
    return NOTHING_WAITS
  }

  /** What the program says by itself, as a GET hears it. */
  listen(answer: Answer): Waiting {
    this.#streams.listen(answer)
    return this.#waiting(() => {
      this.#streams.unlisten(answer)
      this.#touch()
    })
  }

  /** In order: its program is given time. */
  end(): void {
    this.#finish('the session was ended')
    this.#running?.end()
  }

  /** At once. */
  kill(how: string): void {
    this.#finish(how)
    this.#running?.kill()
  }

  onLine(line: string): void {
    if (this.#over !== undefined || line === '') return
    const message = readRouted(line)
    if (message === undefined) this.#takeGarbage(line)
    else if (message.kind === 'answer') this.#takeAnswer(line, message)
    else if (!this.#streams.tell(line, message)) this.#options.note('a message is dropped: nobody listens')
  }

  onTooLong(): void {
    this.kill('the target’s program wrote a message that is too long')
  }

  onSaid(line: string): void {
    this.#said += 1
    if (this.#said <= MAX_SAID) this.#options.note(line)
    if (this.#said === MAX_SAID) this.#options.note('it says more, which is left out')
  }

  onExit(how: string): void {
    this.#options.note(how)
    this.#finish(`the target’s program is not running: ${how}`)
  }

  #ask(line: string, pending: Pending): Waiting {
    if (!this.#streams.add(pending)) {
      pending.answer.start(400, { 'content-type': 'application/json' })
      pending.answer.data(errorOf(pending.id, NOT_REQUEST, 'a request of this id is under way'))
      pending.answer.end()
      return NOTHING_WAITS
    }
    const { silenceMs } = this.#options
    const timeoutMs = pending.method === 'initialize' ? Math.min(HANDSHAKE_MS, silenceMs) : silenceMs
    this.#timers.set(pending, setTimeout(() => this.#onSilence(pending), timeoutMs).unref())
    this.#send(line)
    return this.#waiting(() => this.#giveUp(pending))
  }

  #waiting(abort: () => void): Waiting {
    let isPaused = false
    const set = (paused: boolean): void => {
      if (paused === isPaused) return
      isPaused = paused
      this.#paused += paused ? 1 : -1
      if (this.#paused === 0) this.#running?.resume()
      else this.#running?.pause()
    }
    return {
      pause: () => set(true),
      resume: () => set(false),
      abort() {
        set(false)
        abort()
      },
    }
  }

  #takeAnswer(line: string, message: Routed): void {
    const pending = this.#streams.settle(line, message)
    if (pending === undefined) return
    this.#stopTimer(pending)
    if (message.isError && pending.method === 'initialize') this.end()
  }

  #takeGarbage(line: string): void {
    this.#garbage += 1
    if (this.#garbage <= 3) this.#options.note(`it wrote what is no message: ${line.slice(0, 200)}`)
    if (this.#garbage > MAX_GARBAGE) this.kill('the target’s program writes what is no message of MCP')
  }

  #onSilence(pending: Pending): void {
    if (!this.#streams.has(pending) || this.#streams.isBegun(pending)) return
    this.#giveUp(pending)
    pending.answer.fail(new StintError('upstream_timeout', 'the target’s program did not answer in time'))
  }

  /** What nobody waits for is not worked on (MCP, "Cancellation"); `initialize` cannot be cancelled, so that its program ends. */
  #giveUp(pending: Pending): void {
    if (!this.#streams.delete(pending)) return
    this.#stopTimer(pending)
    const params = { requestId: pending.id, reason: 'nobody waits for it' }
    if (pending.method === 'initialize') this.kill('the target’s program did not begin a session')
    else this.#send(JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params }))
  }

  #send(line: string): void {
    if (this.#running === undefined) this.#unsent.push(line)
    else this.#running.send(line)
  }

  #stopTimer(pending: Pending): void {
    clearTimeout(this.#timers.get(pending))
    this.#timers.delete(pending)
    this.#touch()
  }

  #touch(): void {
    if (this.#over === undefined) this.#idle.refresh()
  }

  #finish(how: string): void {
    if (this.#over !== undefined) return
    this.#over = how
    for (const timer of [this.#idle, ...this.#timers.values()]) clearTimeout(timer)
    this.#timers.clear()
    this.#streams.end(how)
    this.#options.onOver()
  }
}

/** For what is answered at once. */
export const NOTHING_WAITS: Waiting = { abort: () => undefined, pause: () => undefined, resume: () => undefined }
