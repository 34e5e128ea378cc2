import type { Broker, Refusal } from '../broker.ts'
import { asStintError, StintError } from '../errors.ts'
import type { Caller, Operation } from '../model.ts'
import type { AttachVerbs } from './attach.ts'
import { APPROVALS_PATH, answerOwn, type OwnRequest, ownUrl, proofAt } from './own-host.ts'
import type { GatewayProof } from './proof.ts'
import { refuse } from './refuse.ts'

/** How long a client waits between two looks: people take their time. */
const RETRY_SECONDS = 5

/** How an id is spelled: approvals/approval.ts. */
const ID = /^approval_[0-9a-f]{30}$/

/** A document that says how far a question is (approvals/access-request.ts). */
interface Told {
  readonly task: { readonly status: string }
}

/** What it needs of the rest of the product. */
export interface ApprovalStatusVerbs extends Pick<AttachVerbs, 'attach'> {
  readonly refuseUndecided: Broker<GatewayProof>['refuseUndecided']
  /**
   * The question of the caller's own task, decided as the API's `stint:Task::approval`; `url` is where it is asked for. Throws
   * `task_not_live`, and `not_found` alike for one that there is not and for another task's.
   */
  approvalStatus(
    caller: Caller,
    asked: { readonly id: string; readonly url: string; readonly correlationId: string },
  ): Promise<{ readonly told: Told } | { readonly refusal: Refusal }>
}

/** Whether it is for the state of a question. */
export function isForApproval({ path }: Operation): boolean {
  return path.startsWith(APPROVALS_PATH)
}

/**
 * Serves `GET http://stint.invalid/approvals/ID` to the task whose request the question is about: a task document of the AuthZEN Access
 * Request and Approval Profile, with `Retry-After` while it is pending (RFC 9110, section 10.2.3). Its address is plain HTTP, as nothing
 * leaves the task's own connection to its gateway.
 */
export async function tellApproval(verbs: ApprovalStatusVerbs, { arrival, operation, correlationId }: OwnRequest): Promise<void> {
  const { method, path } = operation
  let caller: Caller | undefined
  let refusal: Refusal
  try {
    const proof = proofAt(path, arrival, operation)
    caller = proof.kind === 'attached' ? proof.caller : await verbs.attach(proof)
    if (method !== 'GET') throw new StintError('unknown_action', 'the state of a question is read by GET')
    const id = path.slice(APPROVALS_PATH.length)
    if (!ID.test(id)) throw new StintError('not_found', `there is no approval ${id.slice(0, 100)}`)
    const answer = await verbs.approvalStatus(caller, { id, url: ownUrl(path), correlationId })
    if ('told' in answer) return tell(answer.told)
    refusal = answer.refusal
  } catch (thrown) {
    refusal = await verbs.refuseUndecided(correlationId, caller, asStintError(thrown))
  }
  await refuse(arrival, refusal, { headers: operation.headers, hasRest: method !== 'GET' })

  function tell(told: Told): void {
    if (!arrival.reply.open) return
    const isPending = told.task.status === 'pending'
    answerOwn(arrival, 200, Buffer.from(`${JSON.stringify(told)}\n`), isPending ? ['retry-after', String(RETRY_SECONDS)] : [])
  }
}
