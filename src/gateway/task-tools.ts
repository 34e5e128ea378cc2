import type { Broker } from '../broker.ts'
import { asStintError, CATALOGUE, StintError } from '../errors.ts'
import type { Caller, Operation } from '../model.ts'
import type { AttachVerbs } from './attach.ts'
import type { ManyVerbs } from './many.ts'
import { answerOwn, type OwnRequest, proofAt } from './own-host.ts'
import type { GatewayProof } from './proof.ts'
import { refusalText } from './refusal.ts'
import { refuse } from './refuse.ts'
import { readPrefix } from './upload.ts'

/** Where a task finds Stint's own MCP server, below its own name. */
const TASK_PATH = '/task/mcp'
/** No call of its tools is longer. */
const MAX_CALL = 256 * 1024

/** What it needs of the rest of the product. */
export interface TaskToolVerbs extends Pick<AttachVerbs, 'attach'>, Pick<ManyVerbs, 'manyServers'> {
  readonly refuseUndecided: Broker<GatewayProof>['refuseUndecided']
  /** credentials/task-server.ts over api/task-tools.ts: decides, records and does what is asked. Throws `task_not_live` and for what is no such message. */
  serveTaskTools(operation: Operation, caller: Caller, correlationId: string): Promise<{ status: number; body?: string }>
}

/** Whether it is for Stint's own MCP server. */
export function isForTaskTools({ path }: Operation): boolean {
  return path === TASK_PATH
}

/** Serves `http://stint.invalid/task/mcp` to the task whose connection or token it is. */
export async function serveTaskTools(verbs: TaskToolVerbs, { arrival, operation, correlationId }: OwnRequest): Promise<void> {
  let caller: Caller | undefined
  let seen = operation
  let isRead = operation.method !== 'POST'
  try {
    const proof = proofAt(TASK_PATH, arrival, operation)
    caller = proof.kind === 'attached' ? proof.caller : await verbs.attach(proof)
    if (operation.headers.origin !== undefined) throw new StintError('denied', 'a page in a browser is no client of this address')
    if (!isRead) {
      if (arrival.expectsContinue) arrival.reply.sendContinue()
      const { chunks, ended } = await readPrefix(arrival.body, MAX_CALL + 1)
      isRead = ended
      seen = { ...operation, body: Buffer.concat(chunks) }
      if (!ended) throw new StintError('body_too_large', `a message to this address has ${MAX_CALL} bytes at most`)
    }
    const { status, body = '' } = await verbs.serveTaskTools(seen, caller, correlationId)
    if (!arrival.reply.open) return
    answerOwn(arrival, status, Buffer.from(body))
  } catch (thrown) {
    const error = asStintError(thrown)
    const refusal = await verbs.refuseUndecided(correlationId, caller, error)
    const isChallenge = CATALOGUE[error.code][0] === 401
    const spoken = isChallenge ? undefined : verbs.manyServers.speakRefusal(seen, refusalText(refusal), thrown)
    await refuse(arrival, refusal, { headers: operation.headers, hasRest: !isRead, spoken })
  }
}
