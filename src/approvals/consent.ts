import type { Decided, Decision, Exact, Task } from '../model.ts'
import type { Shown } from './approval.ts'
import type { Approvals, Standing } from './approvals.ts'
import { bindingOf } from './binding.ts'
import { sayNo } from './who-said-no.ts'

/** A decision that needs approval, and what its request is named by: policy/digest.ts. */
export interface Asking extends Decided {
  readonly task: Task
  readonly digest: string
}

/**
 * The decision with what people said to it: an allow that uses up their consent, a deny where they said no or nobody can be asked, or as
 * it was, with the question that waits. Throws `store_unavailable`.
 */
export async function consentDecision(approvals: Approvals, asking: Asking, exact: Exact | undefined): Promise<Decision> {
  const { decision, digest } = asking
  const standing = await approvals.consent({
    ...{ binding: bindingOf(digest, exact?.digest), approver: decision.approver ?? '' },
    ...(exact?.anyBodyDigest !== undefined && { anyBodyBinding: bindingOf(digest, exact.anyBodyDigest) }),
    ...(exact?.again !== undefined && { again: exact.again }),
    shown: shownOf(asking, exact),
  })
  return decided(decision, standing)
}

function decided(decision: Decision, standing: Standing): Decision {
  const { approver: _, ...rest } = decision
  if (standing.is === 'impossible')
    return { ...rest, effect: 'deny', code: 'approval_impossible', reasons: [standing.why, ...decision.reasons] }
  const { id, taskId, answers, anyBody, expiresAt } = standing.approval
  const names = answers.map(({ by }) => by).join(' and ')
  const what = anyBody === 'granted' ? ' to this with any body' : ''
  if (standing.is === 'taken')
    return { ...rest, effect: 'allow', code: 'approved', reasons: [`${names} said yes${what}: ${id}.`, ...decision.reasons] }
  if (standing.is === 'pending')
    return { ...decision, reasons: [...decision.reasons, `Consent is asked for: ${id}.`], approval: { id, taskId, expiresAt } }
  const why = `${sayNo(standing.approval)}: ${id}.`
  return { ...rest, effect: 'deny', code: 'approval_denied', reasons: [why, ...decision.reasons] }
}

function shownOf({ caller, task, target, action, request, decision }: Asking, exact: Exact | undefined): Shown {
  const { resource, access, parameters } = action
  return {
    ...{
      taskId: task.id,
      purpose: task.purpose,
      owner: task.owner,
      taskExpiresAt: task.expiresAt,
      callerId: caller.id,
      targetId: target?.id ?? '',
    },
    ...{ action: action.id, access, resource, parameters },
    ...(exact !== undefined && { line: exact.line, ...(exact.body !== undefined && { body: exact.body }) }),
    ...{ risk: request.risk.score, riskReasons: request.risk.reasons },
    ...{ policies: decision.policies, reasons: decision.reasons },
  }
}
