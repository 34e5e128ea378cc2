import type { Operation } from '../model.ts'
import type { Arrival } from './arrival.ts'
import { type GatewayProof, readDpop } from './proof.ts'

/** Where the gateway itself answers, on a proved connection: a name that is never anyone's (RFC 6761, section 6.4). */
export const OWN_HOST = 'stint.invalid'

/** Below it, where a task sees how far a question about a request of its own is. */
export const APPROVALS_PATH = '/approvals/'

/** One request to the gateway itself. */
export interface OwnRequest {
  readonly arrival: Arrival
  readonly operation: Operation
  readonly correlationId: string
}

/** The URL of a path below Stint's own name. */
export function ownUrl(path: string): string {
  return `http://${OWN_HOST}${path}`
}

/** What a request shows of its sender: as to the proxy, or as to an origin, which these addresses are. */
export function proofAt(path: string, { connection: { caller } }: Arrival, { method, headers }: Operation): GatewayProof {
  if (caller !== undefined) return { kind: 'attached', caller }
  const field = headers['proxy-authorization'] === undefined ? 'authorization' : 'proxy-authorization'
  return readDpop(headers, field, method, ownUrl(path))
}

/** Answers with JSON, or with no body; `more` is flat: name, value. */
export function answerOwn(
  { reply }: Arrival,
  status: number,
  body: Buffer = Buffer.alloc(0),
  more: readonly string[] = [],
): void {
  const type = body.length === 0 ? [] : ['content-type', 'application/json']
  reply.start(status, '', [...type, 'content-length', String(body.length), 'cache-control', 'no-store', ...more])
  reply.end([], body)
}
