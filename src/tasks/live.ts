import type { Selector, Task } from '../model.ts'

/** The live tasks, in memory, with who stands above whom. */
export interface LiveTasks {
  add(task: Task): void
  /** Takes out the task and every descendant, parents first (G7). */
  remove(task: Task): Task[]
  /** The task while it, and every task above it, is here and in its time. */
  get(id: string): Task | undefined
  /** The task if it is here, in its time or not. */
  known(id: string): Task | undefined
  /** The tasks above it that are here, nearest first. */
  above(task: Task): readonly Task[]
  /** Their ids, and that of the first one that is not here. */
  ancestors(task: Task): readonly string[]
  under(selector: Selector): readonly Task[]
  /** Tasks whose parent is not here: it ended and the process died before they were written. */
  orphans(): readonly Task[]
}

/** An empty register. */
export function createLiveTasks(now: () => number): LiveTasks {
  const tasks = new Map<string, Task>()
  const children = new Map<string, Set<Task>>()
  return { add, remove, get, known: (id) => tasks.get(id), above, ancestors, under, orphans }

  function add(task: Task): void {
    tasks.set(task.id, task)
    if (task.parentId === undefined) return
    const siblings = children.get(task.parentId)
    if (siblings === undefined) children.set(task.parentId, new Set([task]))
    else siblings.add(task)
  }

  function remove(task: Task): Task[] {
    const removed = [task, ...descendants(task)]
    if (task.parentId !== undefined) children.get(task.parentId)?.delete(task)
    for (const one of removed) {
      tasks.delete(one.id)
      children.delete(one.id)
    }
    return removed
  }

  function descendants(task: Task): Task[] {
    return [...(children.get(task.id) ?? [])].flatMap((child) => [child, ...descendants(child)])
  }

  function get(id: string): Task | undefined {
    const task = tasks.get(id)
    if (task === undefined) return undefined
    const time = now()
    for (let one: Task | undefined = task; ; one = tasks.get(one.parentId)) {
      if (one === undefined || one.expiresAt <= time) return undefined
      if (one.parentId === undefined) return task
    }
  }

  function above(task: Task): readonly Task[] {
    if (task.parentId === undefined) return NONE
    const chain: Task[] = []
    for (let one = tasks.get(task.parentId); one !== undefined; one = tasks.get(one.parentId)) {
      chain.push(one)
      if (one.parentId === undefined) break
    }
    return chain
  }

  function ancestors(task: Task): readonly string[] {
    if (task.parentId === undefined) return NONE
    const above: string[] = []
    for (let id: string | undefined = task.parentId; id !== undefined; id = tasks.get(id)?.parentId) above.push(id)
    return above
  }

  function under(selector: Selector): readonly Task[] {
    switch (selector.kind) {
      case 'all':
        return [...tasks.values()]
      case 'task': {
        const task = tasks.get(selector.id)
        return task === undefined ? NONE : [task, ...descendants(task)]
      }
      case 'caller':
        return [...tasks.values()].filter((task) => task.workload === selector.id)
      case 'owner':
        return [...tasks.values()].filter((task) => task.owner === selector.id)
      case 'target':
      case 'credential':
        return NONE
    }
  }

  function orphans(): readonly Task[] {
    return [...tasks.values()].filter((task) => task.parentId !== undefined && !tasks.has(task.parentId))
  }
}

const NONE: readonly never[] = []
