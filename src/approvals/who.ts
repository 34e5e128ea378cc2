import { type ApproverRule, readApprovers } from '../approver.ts'
import type { Answer, Approval } from './approval.ts'

/** Role to the people who have it: the setting `approvers`. */
export type Roles = Readonly<Record<string, readonly string[]>>

/** Why nobody could ever meet what is asked for, in a sentence; undefined when somebody can. */
export function whyUnmeetable(approver: string, roles: Roles): string | undefined {
  const rules = readApprovers(approver)
  if (rules === undefined) return `What the policies ask consent of is not understood: ${approver}.`
  const short = rules.find(({ role, count }) => role !== undefined && peopleOf(role, roles).length < count)
  if (short === undefined) return undefined
  return `Too few people have the role ${short.role}: the setting approvers must name ${short.count} or more.`
}

/** Whether this person's yes counts for anything that is asked. */
export function mayAnswer(by: string, { approver, owner }: Pick<Approval, 'approver' | 'owner'>, roles: Roles): boolean {
  return (readApprovers(approver) ?? []).some((rule) => fits(by, rule, owner, roles))
}

/** Whether everything that is asked has been said yes to, each person counted once for each rule. */
export function isMet({ approver, owner, answers }: Pick<Approval, 'approver' | 'owner' | 'answers'>, roles: Roles): boolean {
  const rules = readApprovers(approver)
  const people = [...new Set(answers.filter(isYes).map(({ by }) => by))]
  return rules?.every((rule) => people.filter((by) => fits(by, rule, owner, roles)).length >= rule.count) ?? false
}

function isYes({ said }: Answer): boolean {
  return said === 'yes'
}

function fits(by: string, { role }: ApproverRule, owner: string, roles: Roles): boolean {
  return role === undefined ? by === owner : peopleOf(role, roles).includes(by)
}

function peopleOf(role: string, roles: Roles): readonly string[] {
  return Object.hasOwn(roles, role) ? [...new Set(roles[role])] : []
}
