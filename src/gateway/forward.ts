import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { AnswerReader, AnswerStart } from '../credentials/connector.ts'
import type { Lease } from '../credentials/lease.ts'
import { asStintError, StintError } from '../errors.ts'
import type { Flow, HostRule, Operation, Outcome } from '../model.ts'
import { headersBack, trailersBack } from './answer.ts'
import { type AnswerBack, createAnswerBack } from './answer-back.ts'
import type { Arrival } from './arrival.ts'
import { createDownload, type Download, mayHaveBody } from './download.ts'
import { atEndOfTurn } from './end-of-turn.ts'
import { countGarbage } from './garbage.ts'
import { type Outgoing, type Plan, planOf } from './inject.ts'
import { outcomeOf, startTally } from './outcome.ts'
import type { Pools, Route } from './pools.ts'
import { dispatchTrailed } from './trailers.ts'
import { carryUpgrade } from './upgrade.ts'
import { type Prefix, Upload } from './upload.ts'

/** A request that may be sent: what was decided about, and where its body comes from and its answer goes. */
export interface Order {
  readonly operation: Operation
  readonly arrival: Arrival
  readonly hasBody: boolean
  readonly prefix: Prefix
  /** What follows the prefix. */
  readonly body: Readable
  /** Reads the answer before the client does; undefined, also for one answer, where its bytes pass as they are. */
  readonly readAnswer?: ((start: ReadStart) => AnswerReader | undefined) | undefined
}

/** An answer as it starts, and a way to tell its target something. */
export interface ReadStart extends Omit<AnswerStart, 'asked'> {
  readonly answerBack: AnswerBack
}

/** Sends an order to its target and the answer back. Throws `StintError` only while the client has been told nothing. */
export type Forward = (order: Order, lease: Lease, flow: Flow) => Promise<Outcome>

/** Forwards over keep-alive pools. Redirects are passed back, never followed. */
export function createForward(pools: Pools): Forward {
  return (order, lease, flow) =>
    new Promise<Outcome>((done, fail) => {
      checkHost(lease, order.operation)
      if (flow.isCut) throw new StintError('revoked', 'it was revoked before anything was sent')
      new Exchange(order, planOf(lease), flow, pools, done, fail).start()
    })
}

/** A lease's secrets go to its hosts and nowhere else. Throws `host_not_in_lease`. */
export function checkHost(lease: Lease, { scheme, host, port }: HostRule): void {
  const fits = (rule: HostRule) =>
    rule.scheme === scheme &&
    rule.port === port &&
    (rule.host === host || (rule.host.startsWith('*.') && host.endsWith(rule.host.slice(1))))
  if (!lease.hosts.some(fits)) throw new StintError('host_not_in_lease', `the lease is not for ${scheme}://${host}:${port}`)
}

const RETRIED_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A stream of events may have none for hours, and its client waits for the head (WHATWG HTML, section 9.2.3). */
const EVENTS = /^text\/event-stream\b/i
const CLOSED = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

/** One for all, since a revocation may break off thousands at once and nobody looks at where. */
const BROKEN_OFF = new StintError('revoked', 'the exchange was broken off')

/** One request and its answer. A class, because one is made for every request. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #order: Order
  readonly #plan: Plan
  readonly #flow: Flow
  readonly #pools: Pools
  readonly #route: Route
  readonly #done: (outcome: Outcome) => void
  readonly #fail: (error: StintError) => void
  readonly #tally = startTally()
  #upload: Upload | undefined
  #controller: Dispatcher.DispatchController | undefined
  #download: Download | undefined
  #over = false
  #ended = false
  #triesLeft: number

  constructor(
    order: Order,
    plan: Plan,
    flow: Flow,
    pools: Pools,
    done: (outcome: Outcome) => void,
    fail: (error: StintError) => void,
  ) {
    this.#order = order
    this.#plan = plan
    this.#flow = flow
    this.#pools = pools
    this.#route = pools.enter(plan.lease, order.operation)
    this.#done = done
    this.#fail = fail
    this.#triesLeft = RETRIED_METHODS.has(order.operation.method) && !order.hasBody ? 1 : 0
  }

  start(): void {
    const { arrival, hasBody, prefix, body } = this.#order
    if (!arrival.reply.open) {
      this.#finish('failed', 'client_closed')
      return
    }
    arrival.reply.whenClosed((complete) => this.#onReplyClosed(complete))
    this.#flow.onCut(() => this.#onCut())
    if (hasBody) {
      if (arrival.expectsContinue) arrival.reply.sendContinue()
      this.#upload = new Upload(body, prefix, this.#plan.bodyRewrite(), this.#flow.countOut)
    }
    this.#dispatch()
  }

  #dispatch(): void {
    const { operation } = this.#order
    const outgoing = this.#plan.apply(operation)
    if (this.#plan.sign === undefined) this.#send(outgoing)
    else
      this.#plan.sign(operation, outgoing).then(
        (signed) => this.#over || this.#send(signed),
        (thrown) => this.#onUnsigned(thrown),
      )
  }

  #onUnsigned(thrown: unknown): void {
    if (this.#over) return
    this.#leave()
    this.#upload?.destroy()
    this.#fail(asStintError(thrown))
  }

  #send({ path, headers }: Outgoing): void {
    const { operation, arrival } = this.#order
    const { lease } = this.#plan
    const { method } = operation
    const upload = this.#upload
    const { trailer, 'content-length': length } = operation.headers
    if (upload !== undefined && trailer !== undefined && length === undefined) {
      const trailers = () => this.#plan.trailers(arrival.trailers())
      void dispatchTrailed({ method, path, headers, upload, trailers }, () => this.#pools.dial(lease, operation), this)
    } else {
      const upgrade = arrival.upgrade === undefined ? null : 'websocket'
      this.#route.dispatch({ method, path, headers, body: upload ?? null, upgrade }, this)
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(BROKEN_OFF)
  }

  onRequestUpgrade(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    target: Duplex,
  ): void {
    const { upgrade } = this.#order.arrival
    if (this.#over || upgrade === undefined) return void target.on('error', () => {}).destroy()
    this.#leave() // from here on `splice` watches both sides
    this.#tally.status = status
    void carryUpgrade(upgrade, { target, headers, plan: this.#plan, flow: this.#flow, tally: this.#tally }).then(this.#done)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders, reason = ''): void {
    if (status < 200 || this.#over) return // interim answers are for the hop that asked
    this.#tally.status = status
    const { reply } = this.#order.arrival
    const { operation } = this.#order
    const enter = () => this.#pools.enter(this.#plan.lease, operation)
    const answerBack = createAnswerBack(operation, this.#plan, this.#flow, enter)
    const start = { status, headers, answerBack }
    this.#download = createDownload(this.#order, this.#plan, start, controller, (error) => this.#onBroken(error))
    const { scrubber } = this.#plan
    const phrase = scrubber.isEmpty ? reason : scrubber.text(reason)
    const takesTrailers = reply.takesTrailers && mayHaveBody(this.#order.operation.method, status)
    const manner = { decodes: this.#download.decodes, takesTrailers }
    reply.start(status, phrase || (STATUS_CODES[status] ?? ''), headersBack(headers, this.#plan, manner))
    if (EVENTS.test(String(headers['content-type']))) reply.sendHead()
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#tally.bytesIn += chunk.length
    countGarbage(chunk.length)
    if (!this.#over) this.#download?.push(chunk)
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.#ended = true
    if (!this.#over) atEndOfTurn(() => this.#endReply(trailers))
  }

  /**
   * Answers that came in one turn of the event loop are ended together: clients on this machine are then woken once and not for each, which
   * is a tenth of what a small request costs. One that was cut meanwhile is over.
   */
  #endReply(trailers: IncomingHttpHeaders): void {
    if (this.#over) return
    try {
      const { reply } = this.#order.arrival
      this.#download?.end(reply.takesTrailers ? trailersBack(trailers, this.#plan) : [])
    } catch (thrown) {
      this.#onBroken(thrown instanceof Error ? thrown : new Error(String(thrown)))
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return
    const { reply } = this.#order.arrival
    if (this.#mayRetry(error)) {
      this.#triesLeft -= 1
      this.#dispatch()
    } else if (reply.started) {
      this.#onBroken(error)
    } else {
      this.#leave()
      this.#upload?.destroy()
      this.#fail(upstreamError(error))
    }
  }

  /** A kept-alive connection that the target closed meanwhile; only where sending twice does no harm (RFC 9110, section 9.2.2). */
  #mayRetry(error: Error): boolean {
    return this.#triesLeft > 0 && this.#tally.status === undefined && CLOSED.has(codeOf(error))
  }

  #onReplyClosed(complete: boolean): void {
    if (this.#over) return
    if (this.#ended && complete) this.#finish('completed')
    else {
      this.#finish('failed', 'client_closed')
      this.#abort()
    }
  }

  /** Too late to say so: what the client has must not look complete. */
  #onBroken(error: Error): void {
    if (this.#over) return
    this.#finish('failed', upstreamError(error).code)
    this.#abort()
    this.#order.arrival.reply.reset()
  }

  #onCut(): void {
    if (this.#over) return
    this.#finish('cut', 'revoked')
    this.#abort()
    this.#order.arrival.reply.reset()
  }

  #abort(): void {
    this.#controller?.abort(BROKEN_OFF)
    this.#upload?.destroy()
    this.#download?.destroy()
  }

  #leave(): void {
    this.#over = true
    this.#route.leave()
  }

  #finish(result: 'completed' | 'failed' | 'cut', code?: string): void {
    this.#leave()
    this.#tally.bytesOut = this.#upload?.size ?? 0
    this.#done(outcomeOf(this.#tally, result, code))
  }
}

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT'])

/** What went wrong on the target's side, without the target's words. */
export function upstreamError(error: unknown): StintError {
  if (error instanceof StintError) return error
  const code = codeOf(error)
  if (TIMEOUTS.has(code)) return new StintError('upstream_timeout', 'the target did not answer in time', { cause: error })
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') return asStintError(error)
  return new StintError('upstream_failed', `the connection to the target failed${code === '' ? '' : ` (${code})`}`, {
    cause: error,
  })
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}
