import type { Page } from '../api/verbs.ts'
import type { Approval } from '../approvals/approval.ts'
import type { CommandContext } from './command.ts'

/** Whether two questions ask the same people for the same purpose about the same action on the same target; what is sent may differ. */
export function isLike(one: Approval, other: Approval): boolean {
  const same = ['approver', 'owner', 'purpose', 'targetId', 'action'] as const
  return same.every((field) => one[field] === other[field])
}

/** The questions that wait in groups of two and more, each as it is listed: newest first. */
export function groupAlike(items: readonly Approval[]): readonly (readonly Approval[])[] {
  const waiting = items.filter(({ state }) => state === 'pending')
  const first = waiting.filter((one, at) => waiting.findIndex((other) => isLike(one, other)) === at)
  return first.map((one) => waiting.filter((other) => isLike(one, other))).filter(({ length }) => length > 1)
}

/**
 * This question and those like it that wait and were asked before it, newest first: a list is newest first, so that whoever names the
 * first of a group answers what they were shown and nothing that came later. Throws what `call` throws.
 */
export async function findAlike(call: CommandContext['call'], named: Approval): Promise<readonly Approval[]> {
  const found: Approval[] = []
  let isPast = false
  for (let cursor: string | undefined = ''; cursor !== undefined; ) {
    const query: URLSearchParams = new URLSearchParams({ state: 'pending', limit: '500', ...(cursor !== '' && { cursor }) })
    const { items, next }: Page<Approval> = await call<Page<Approval>>('GET', `/v1/approvals?${query}`)
    for (const one of items) {
      isPast ||= one.id === named.id
      if (isPast && isLike(one, named)) found.push(one)
    }
    cursor = next
  }
  return found
}
