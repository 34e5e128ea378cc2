import { environmentOf, isDescendant, type ProcessId, statOf } from '../host/process-tree.ts'

/** Knows which processes belong to tasks, so that operator acts from inside one are refused. */
export interface InsideCheck {
  /** Everything below this process, but not itself, is inside the task: it is the task's `stint run`. */
  register(taskId: string, root: ProcessId): void
  forget(taskId: string): void
  /**
   * True for a process below a registered root, for one that was started with STINT_TASK, for one with such an ancestor, and for
   * one that cannot be found out about. An environment proves nothing when it is clean: only the tree does.
   */
  isInside(pid: number): boolean
}

/** An empty check. Linux only: elsewhere nothing is known of a process, and everything would be inside, so ask only there. */
export function createInsideCheck(): InsideCheck {
  const roots = new Map<string, ProcessId>()
  return {
    register: (taskId, root) => void roots.set(taskId, root),
    forget: (taskId) => void roots.delete(taskId),
    isInside(pid) {
      const lineage = ancestry(pid)
      if (lineage.length === 0) return true
      if (lineage.some((one) => environmentOf(one.pid)?.has('STINT_TASK'))) return true
      return [...roots.values()].some((root) => root.pid !== pid && isDescendant(pid, root))
    },
  }
}

/** The process and its ancestors, nearest first; empty when there is no such process. */
function ancestry(pid: number): ProcessId[] {
  const lineage: ProcessId[] = []
  for (let at = statOf(pid); at !== undefined && lineage.length < 1000; at = statOf(at.ppid)) lineage.push(at)
  return lineage
}
