import type { Approval } from './approval.ts'

/** The approvals that a request may still meet, in memory, by what they are bound to. */
export interface OpenQuestions {
  /** Takes what a row is now: kept while it can be met, forgotten when it was used up or has expired. */
  note(approval: Approval, binding: string): void
  find(binding: string): Approval | undefined
  /** How many of a task nobody has answered yet. */
  pendingOf(taskId: string): number
  /** Whether any of a task, answered or not, may still be met. */
  hasOf(taskId: string): boolean
}

/** None yet. */
export function createOpenQuestions(now: () => number): OpenQuestions {
  const byBinding = new Map<string, Approval>()
  return {
    note(approval, binding) {
      forgetExpired()
      const { id, state, expiresAt } = approval
      if (approval.anyBody === 'granted') forget(id) // it was known by what it asked
      if (state !== 'used' && expiresAt > now()) byBinding.set(binding, approval)
      else if (byBinding.get(binding)?.id === id) byBinding.delete(binding)
    },
    find(binding) {
      const found = byBinding.get(binding)
      return found !== undefined && found.expiresAt > now() ? found : undefined
    },
    pendingOf(taskId) {
      forgetExpired()
      return [...byBinding.values()].filter((one) => one.taskId === taskId && one.state === 'pending').length
    },
    hasOf: (taskId) => byBinding.values().some((one) => one.taskId === taskId),
  }

  function forget(id: string): void {
    for (const [binding, one] of byBinding) if (one.id === id) byBinding.delete(binding)
  }

  function forgetExpired(): void {
    const time = now()
    for (const [binding, { expiresAt }] of byBinding) if (expiresAt <= time) byBinding.delete(binding)
  }
}
