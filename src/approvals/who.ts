import { type ApproverRule, readApprovers } from '../approver.ts'
import type { Answer, Approval } from './approval.ts'

/** Role to the people who have it: the setting `approvers`. */
export type Roles = Readonly<Record<string, readonly string[]>>

/** What says who may answer. */
type Asked = Pick<Approval, 'approver' | 'owner' | 'escalation'>

/** Why nobody could ever meet what is asked for, in a sentence; undefined when somebody can. */
export function whyUnmeetable(approver: string, roles: Roles): string | undefined {
  const rules = readApprovers(approver)
  if (rules === undefined) return `What the policies ask consent of is not understood: ${approver}.`
  const short = rules.find(({ role, count }) => role !== undefined && peopleOf(role, roles).length < count)
  if (short === undefined) return undefined
  return `Too few people have the role ${short.role}: the setting approvers must name ${short.count} or more.`
}

/** Whether this person's yes counts for anything that is asked. */
export function mayAnswer(by: string, asked: Asked, roles: Roles): boolean {
  return (readApprovers(asked.approver) ?? []).some((rule) => fits(by, rule, asked, roles))
}

/** Whether everything that is asked has been said yes to, each person counted once for each rule. */
export function isMet(asked: Asked & Pick<Approval, 'answers'>, roles: Roles): boolean {
  const rules = readApprovers(asked.approver)
  const people = [...new Set(asked.answers.filter(isYes).map(({ by }) => by))]
  return rules?.every((rule) => people.filter((by) => fits(by, rule, asked, roles)).length >= rule.count) ?? false
}

function isYes({ said }: Answer): boolean {
  return said === 'yes'
}

/** After an escalation its people count for every rule. */
function fits(by: string, { role }: ApproverRule, { owner, escalation }: Asked, roles: Roles): boolean {
  if (escalation !== undefined && peopleOf(escalation.role, roles).includes(by)) return true
  return role === undefined ? by === owner : peopleOf(role, roles).includes(by)
}

function peopleOf(role: string, roles: Roles): readonly string[] {
  return Object.hasOwn(roles, role) ? [...new Set(roles[role])] : []
}
