import { StintError } from '../errors.ts'
import type { ApprovalRow } from '../store/tables.ts'
import { type Answer, type Approval, approvalOf, keptOf } from './approval.ts'
import { isMet, mayAnswer, type Roles } from './who.ts'

/** Who answers. `callerId` is the identity that the API verified, `person` who that is. Attacker-controlled beside. */
export interface Answerer extends Terms {
  readonly callerId: string
  readonly person: string
  readonly via?: string
  readonly reason?: string
}

/** How much is consented to: once, and until the question would have expired, unless said otherwise. */
export interface Terms {
  readonly times?: number
  readonly minutes?: number
  /** The same with any body. */
  readonly anyBody?: boolean
}

/** What one consent may be for at most. */
export type MostTerms = Required<Pick<Terms, 'times' | 'minutes'>>

/** What answering goes by. `now` is epoch milliseconds; `most` is what anybody may consent to. */
export interface Rules {
  readonly roles: Roles
  readonly now: number
  readonly most: MostTerms
}

/**
 * The row after one person has said yes or no. One no is a no; a yes grants when it is the last one that is asked for, as much as the
 * least of those who said yes. Throws `conflict` where it is not pending any more, `not_approver`, `invalid_argument`.
 */
export function answerRow(row: ApprovalRow, said: Answer['said'], answerer: Answerer, rules: Rules): ApprovalRow {
  const { now, roles } = rules
  const approval = approvalOf(row, now)
  refuseAnswer(approval, answerer, rules)
  const { person: by, via, reason, times, minutes, anyBody } = answerer
  const given = {
    ...(via !== undefined && { via }),
    ...(reason !== undefined && { reason }),
    ...(times !== undefined && { times }),
    ...(minutes !== undefined && { minutes }),
    ...(anyBody && { anyBody }),
  }
  const answers: Answer[] = [...approval.answers, { by, said, at: now, ...given }]
  const next = { ...row, record_json: JSON.stringify({ ...keptOf(row), answers }) }
  if (said === 'no') return { ...next, state: 'denied' }
  if (!isMet({ ...approval, answers }, roles)) return next
  return { ...bindWider(next), state: 'granted', ...grantOf({ ...approval, answers }, now) }
}

/** Bound to the request whatever its body, where all who said yes said so. */
function bindWider(row: ApprovalRow): ApprovalRow {
  const kept = keptOf(row)
  if (kept.anyBodyBinding === undefined || !kept.answers.every(({ anyBody }) => anyBody)) return row
  return { ...row, binding: kept.anyBodyBinding, record_json: JSON.stringify({ ...kept, askedBinding: row.binding }) }
}

function grantOf({ answers, expiresAt, taskExpiresAt }: Approval, now: number): Pick<ApprovalRow, 'uses_left' | 'expires_at'> {
  const ends = answers.map(({ minutes }) => (minutes === undefined ? expiresAt : now + minutes * 60_000))
  return { uses_left: Math.min(...answers.map(({ times = 1 }) => times)), expires_at: Math.min(...ends, taskExpiresAt) }
}

/** Nobody consents to what they ask for themselves, nor twice, nor to more than the settings allow. */
function refuseAnswer(approval: Approval, answerer: Answerer, { roles, most }: Rules): void {
  const { callerId, person, times = 1, minutes = 1, anyBody } = answerer
  const { id, state, answers, barred = [] } = approval
  if (state !== 'pending') throw new StintError('conflict', `approval ${id} is ${state} already`)
  if ([approval.callerId, ...barred].some((one) => one === callerId || one === person))
    throw new StintError('not_approver', 'nobody consents to what they ask for themselves')
  if (!mayAnswer(person, approval, roles))
    throw new StintError('not_approver', `${person} is not asked; it takes ${approval.approver}`)
  if (answers.some(({ by }) => by === person)) throw new StintError('conflict', `${person} has answered approval ${id} already`)
  if (times > most.times || minutes > most.minutes)
    throw new StintError('invalid_argument', `one consent is for ${most.times} times and ${most.minutes} minutes at most`)
  if (anyBody && approval.anyBody === undefined)
    throw new StintError('invalid_argument', `approval ${id} asks about nothing that has a body; leave out any body`)
}
