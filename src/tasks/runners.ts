import { StintError } from '../errors.ts'
import type { Task } from '../model.ts'

/** The processes that share the store: this one, and whether another is there. */
export interface Gateways {
  readonly self: string
  isHere(id: string): boolean
}

/** Who is attended: a supervised task without a runner dies after the grace. */
export interface Runners {
  /** A runner came; call the answer, once, when it goes. Throws `conflict` for a task whose runner belongs elsewhere. */
  arrive(task: Task): () => void
  /** Its runner is connected to this gateway, which judges whether it is there; another is only asked whether it is there itself. */
  belongsTo(task: Task, gateway: string): void
  /** When the task dies, or is looked at again, if nothing changes; in epoch milliseconds. */
  deadline(task: Task): number
  /** Past its deadline: whether it lost its runner. */
  isLost(task: Task): boolean
  forget(task: Task): void
}

/** A supervised task is without a runner from the first time it is asked about. `onChange` hears that a deadline moved. */
export function createRunners(
  { runnerGraceSeconds, gateways, now }: { runnerGraceSeconds: number; gateways: Gateways; now(): number },
  onChange: (task: Task) => void,
): Runners {
  const present = new Map<string, number>()
  const lostAt = new Map<string, number>()
  const elsewhere = new Map<string, string>()
  return {
    arrive(task) {
      const gateway = elsewhere.get(task.id)
      if (gateway !== undefined) throw new StintError('conflict', `its runner belongs to gateway ${gateway}, which started it`)
      present.set(task.id, (present.get(task.id) ?? 0) + 1)
      lostAt.delete(task.id)
      onChange(task)
      let isHere = true
      return () => {
        if (isHere) leave(task)
        isHere = false
      }
    },
    belongsTo(task, gateway) {
      if (task.supervised && gateway !== gateways.self) elsewhere.set(task.id, gateway)
    },
    deadline(task) {
      if (!task.supervised || present.has(task.id)) return task.expiresAt
      const graceEnds = now() + runnerGraceSeconds * 1000
      if (elsewhere.has(task.id)) return Math.min(graceEnds, task.expiresAt)
      const lost = lostAt.get(task.id) ?? graceEnds
      lostAt.set(task.id, lost)
      return Math.min(lost, task.expiresAt)
    },
    isLost(task) {
      const gateway = elsewhere.get(task.id)
      return gateway === undefined || !gateways.isHere(gateway)
    },
    forget(task) {
      elsewhere.delete(task.id)
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
