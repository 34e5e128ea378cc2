import type { Readable } from 'node:stream'
import type { Connector } from '../credentials/connector.ts'
import type { Exact, Operation, Target } from '../model.ts'
import { type Arrival, hasBody } from './arrival.ts'
import { type BodyOf, bodyOf, coveredOf, exactOf } from './exact.ts'
import { withoutWait } from './prefer.ts'
import type { Spools } from './spool.ts'
import { NO_PREFIX, type Prefix, readPrefix } from './upload.ts'
import { type Room, readWhole, type WholeBody } from './whole-body.ts'

/** A request as far as it was read to decide. */
export interface Beginning {
  /** With what was read of its body. */
  readonly seen: Operation
  readonly prefix: Prefix
  /** The state of Stint's own that it gave back, which is not in `seen`. */
  readonly state?: string
}

/** Reads as much of the body as the connector decides by; nothing where there is no target. Throws `malformed_request` where it breaks off. */
export async function readBeginning(
  arrival: Arrival,
  bare: Operation,
  target: Target | undefined,
  connector: Connector | undefined,
): Promise<Beginning> {
  if (target === undefined || connector === undefined || !hasBody(arrival, bare)) return { seen: bare, prefix: NO_PREFIX }
  const bytes = bytesToRead(connector, bare, target)
  if (bytes === 0) return { seen: bare, prefix: NO_PREFIX }
  const prefix = await readFirst(arrival, bytes)
  const seen = { ...bare, body: Buffer.concat(prefix.chunks).subarray(0, bytes) }
  const retried = prefix.ended ? connector.retry?.split(seen) : undefined
  if (retried === undefined) return { seen, prefix }
  const { operation, state } = retried
  return { seen: operation, state, prefix: { chunks: [Buffer.from(operation.body ?? [])], ended: true } }
}

/** A connector that cannot say refuses in `describe`. */
function bytesToRead(connector: Connector, operation: Operation, target: Target): number {
  try {
    return connector.bodyPrefix(operation, target)
  } catch {
    return 0
  }
}

/** The client is told to go on only here where the decision itself needs the body; otherwise after the decision. */
function readFirst(arrival: Arrival, bytes: number): Promise<Prefix> {
  if (arrival.expectsContinue) arrival.reply.sendContinue()
  return readPrefix(arrival.body, bytes)
}

/** A request whose consent covers it whole, and what is sent of it: the very same bytes. */
export interface Covered {
  /** What people would consent to, if what was read of the body is all of it. */
  exactSoFar(): Exact
  /** What they are asked to consent to: reads the body to its end. Throws what `readWhole` does. */
  readExact(taskId: string, flow: Room['flow']): Promise<Exact>
  /** What they were asked about; undefined where nobody was. */
  asked(): Exact | undefined
  toSend(): { readonly operation: Operation; readonly prefix: Prefix; readonly body: Readable }
  /** It was sent or refused: nothing of it is kept. */
  close(): Promise<void>
}

/** What a covered request is made of. `most` is how long a body can be that is consented to, in bytes. */
interface Covering {
  readonly arrival: Arrival
  readonly beginning: Beginning
  readonly connector: Connector | undefined
  readonly spools: Spools
  readonly most: number
}

/** The rest of its body is read only where people are asked. */
export function createCovered({ arrival, beginning: { seen, prefix }, connector, spools, most }: Covering): Covered {
  let sent = seen
  let whole: WholeBody | undefined
  let exact: Exact | undefined

  function exactly(body: BodyOf | undefined): Exact {
    const operation = { ...seen, headers: withoutWait(seen.headers) }
    const covered = body && coveredOf(body, connector?.retry?.exactBody(operation))
    return exactOf(operation, covered, arrival.trailers(), connector?.tellBody?.(operation))
  }

  async function readBody(taskId: string, flow: Room['flow']): Promise<WholeBody | undefined> {
    if (!hasBody(arrival, seen)) return undefined
    const said = Number(seen.headers['content-length'] ?? 0)
    return readWhole(arrival, prefix, { said, most, flow, openSpool: () => spools.open(taskId) })
  }

  return {
    exactSoFar: () => exactly(bodyOf(prefix)),
    async readExact(taskId, flow) {
      whole = await readBody(taskId, flow)
      sent = { ...seen, headers: withoutWait(seen.headers) }
      exact = exactly(whole)
      return exact
    },
    asked: () => exact,
    toSend: () => ({ operation: sent, prefix: whole?.prefix ?? prefix, body: whole?.source ?? arrival.body }),
    close: async () => whole?.close(),
  }
}
