import { randomUUID } from 'node:crypto'
import type { Attempt, Refusal, Served } from '../broker.ts'
import type { Connector } from '../credentials/connector.ts'
import { asStintError, StintError } from '../errors.ts'
import type { Action, Operation, Target } from '../model.ts'
import { type Arrival, authorityOf, readOperation } from './arrival.ts'
import type { TakesSlash } from './canonical.ts'
import type { Forward } from './forward.ts'
import { type GatewayProof, readDpop } from './proof.ts'
import { refusalOf, renderRefusal } from './refusal.ts'
import { NO_PREFIX, type Prefix, readPrefix } from './upload.ts'

/** What handling a request needs of the rest of the product. */
export interface HttpVerbs {
  /** broker.ts: decides, records, and carries out. */
  serve(attempt: Attempt<GatewayProof>): Promise<Served>
  match(scheme: 'http' | 'https', host: string, port: number): Target | undefined
  connectorOf(target: Target): Connector
}

/** Handles one request to its end. Never rejects. */
export type Handle = (arrival: Arrival) => Promise<void>

/** From a request as parsed to an attempt, and from what was served to an answer. */
export function createHandle(verbs: HttpVerbs, forward: Forward, isStopping: () => boolean): Handle {
  const takesSlash: TakesSlash = ({ scheme, host, port }, path) => {
    const target = verbs.match(scheme, host, port)
    return target !== undefined && verbs.connectorOf(target).takesSlash?.(path) === true
  }
  return async (arrival) => {
    const { connection } = arrival
    connection.busy += 1
    try {
      await handle(arrival)
    } catch {
      arrival.reply.reset() // what cannot be answered in order is broken off
    } finally {
      connection.busy -= 1
    }
  }

  async function handle(arrival: Arrival): Promise<void> {
    const correlationId = randomUUID()
    let operation: Operation
    try {
      operation = readOperation(arrival, takesSlash)
      if (isStopping()) throw new StintError('stopping', 'the gateway is shutting down')
    } catch (thrown) {
      return refuse(arrival, refusalOf(asStintError(thrown), correlationId), {}, true)
    }
    const served = await attempt(arrival, operation, correlationId)
    if ('refusal' in served) refuse(arrival, served.refusal, operation.headers, hasBody(arrival, operation))
  }

  async function attempt(arrival: Arrival, bare: Operation, correlationId: string): Promise<Served> {
    const proof = proofOf(arrival, bare)
    const target = verbs.match(bare.scheme, bare.host, bare.port)
    const bytes =
      target === undefined || !isShown(proof) || !hasBody(arrival, bare) ? 0 : bytesToRead(verbs.connectorOf(target), bare)
    let prefix = NO_PREFIX
    try {
      if (bytes > 0) prefix = await readFirst(arrival, bytes)
    } catch (thrown) {
      return { refusal: refusalOf(asStintError(thrown), correlationId) }
    }
    const operation = bytes === 0 ? bare : { ...bare, body: Buffer.concat(prefix.chunks).subarray(0, bytes) }
    const order = { operation, arrival, prefix, hasBody: hasBody(arrival, bare) }
    return verbs.serve({
      correlationId,
      proof,
      describe: () => describe(operation, target),
      carryOut: (_permit, lease, flow) => forward(order, lease, flow),
    })
  }

  function describe(operation: Operation, target: Target | undefined): { target: Target; action: Action } {
    if (target === undefined) throw unknownTarget(operation)
    return { target, action: verbs.connectorOf(target).describe(operation, target) }
  }
}

/** No target declares this place; the detail names what would allow it. */
export function unknownTarget(place: Pick<Operation, 'scheme' | 'host' | 'port'>): StintError {
  const origin = `${place.scheme}://${authorityOf(place)}`
  return new StintError('target_unknown', `no target declares ${origin}; an operator can: stint target add NAME --host ${origin}`)
}

function proofOf(arrival: Arrival, operation: Operation): GatewayProof {
  const { caller } = arrival.connection
  if (caller !== undefined) return { kind: 'attached', caller }
  const url = `${operation.scheme}://${authorityOf(operation)}${operation.path}`
  return readDpop(operation.headers, 'proxy-authorization', operation.method, url)
}

/** Nothing of a body is read for those who show nothing. */
function isShown(proof: GatewayProof): boolean {
  return proof.kind === 'attached' || (proof.token !== '' && proof.dpop !== '')
}

/** A connector that cannot say refuses in `describe`. */
function bytesToRead(connector: Connector, operation: Operation): number {
  try {
    return connector.bodyPrefix(operation)
  } catch {
    return 0
  }
}

/** The client is told to go on only here where the decision itself needs the body; otherwise after the decision. */
function readFirst(arrival: Arrival, bytes: number): Promise<Prefix> {
  if (arrival.expectsContinue) arrival.reply.sendContinue()
  return readPrefix(arrival.body, bytes)
}

function hasBody(arrival: Arrival, { headers }: Operation): boolean {
  if (arrival.httpVersion === '2.0') return !arrival.endsAfterHeaders
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** How much and how long a refused body is read and dropped, so that the client gets to see the answer. */
const LINGER = { bytes: 256 * 1024, ms: 1000 } as const

function refuse(arrival: Arrival, refusal: Refusal, headers: Readonly<Record<string, string>>, hasRest: boolean): void {
  const { reply } = arrival
  if (reply.started || !reply.open) {
    reply.reset()
    return
  }
  const page = renderRefusal(refusal, headers, arrival.connection.inside === undefined ? 'proxy' : 'origin')
  const isLast = hasRest && arrival.httpVersion !== '2.0'
  if (isLast) arrival.connection.isLast = true
  reply.start(page.status, page.reason, isLast ? [...page.headers, 'connection', 'close'] : [...page.headers])
  const body = arrival.method === 'HEAD' ? undefined : Buffer.from(page.body)
  if (hasRest) {
    if (body !== undefined) reply.write(body)
    lingerThen(arrival, () => reply.end([]))
  } else reply.end([], body)
}

function lingerThen(arrival: Arrival, then: () => void): void {
  const { body } = arrival
  let left: number = LINGER.bytes
  const stop = () => {
    clearTimeout(timer)
    body.off('data', onData).off('end', stop).off('close', stop)
    then()
  }
  const onData = (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) stop()
  }
  const timer = setTimeout(stop, LINGER.ms)
  if (body.readableEnded || body.destroyed) stop()
  else body.on('data', onData).on('end', stop).on('close', stop).resume()
}
