import type { Task } from '../model.ts'

/** Who is attended: a supervised task without a runner dies after the grace. */
export interface Runners {
  /** A runner came; call the answer, once, when it goes. */
  arrive(task: Task): () => void
  /** When the task dies if nothing changes, in epoch milliseconds. */
  deadline(task: Task): number
  forget(task: Task): void
}

/** A supervised task is without a runner from the first time it is asked about. `onChange` hears that a deadline moved. */
export function createRunners(graceSeconds: number, now: () => number, onChange: (task: Task) => void): Runners {
  const present = new Map<string, number>()
  const lostAt = new Map<string, number>()
  return {
    arrive(task) {
      present.set(task.id, (present.get(task.id) ?? 0) + 1)
      lostAt.delete(task.id)
      onChange(task)
      let isHere = true
      return () => {
        if (isHere) leave(task)
        isHere = false
      }
    },
    deadline(task) {
      if (!task.supervised || present.has(task.id)) return task.expiresAt
      const lost = lostAt.get(task.id) ?? now() + graceSeconds * 1000
      lostAt.set(task.id, lost)
      return Math.min(lost, task.expiresAt)
    },
    forget(task) {
      present.delete(task.id)
      lostAt.delete(task.id)
    },
  }

  function leave(task: Task): void {
    const left = (present.get(task.id) ?? 0) - 1
    if (left > 0) present.set(task.id, left)
    else if (present.delete(task.id)) onChange(task)
  }
}
