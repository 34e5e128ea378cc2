import { setImmediate as immediate } from 'node:timers/promises'
import { exceeds } from '../budget.ts'
import { createDeadlines } from '../deadlines.ts'
import { StintError } from '../errors.ts'
import type { Budget, Selector, Task, TaskState } from '../model.ts'
import type { Store } from '../store/store.ts'
import type { TaskRow } from '../store/tables.ts'
import { type Budgets, createBudgets } from './budgets.ts'
import { createEnds } from './ends.ts'
import { listTasks, readTasks, type TaskFilter } from './list.ts'
import { createLiveTasks } from './live.ts'
import { createRunners, type Gateways } from './runners.ts'
import { draftTask, printable, type StartTask, type TaskLimits } from './start.ts'
import { fromRow, toRow } from './task-row.ts'

export type { TaskFilter } from './list.ts'
export type { StartTask } from './start.ts'

/** Limits, how long a supervised task survives the silence of its runner, and who hears of failures nobody waits for. */
export interface TaskOptions extends TaskLimits {
  readonly runnerGraceSeconds: number
  /** How many tasks may stand above one. */
  readonly maxTaskDepth: number
  /** The processes that share the store; this one alone when absent. */
  readonly gateways?: Gateways
  report?(thrown: unknown): void
}

const ALONE: Gateways = { self: 'local', isHere: () => false }

/** Tasks that are ended at a time: each has open flows to cut and an entry to write. */
const LOT = 100

/** How a task can end. */
export type Ending = Exclude<TaskState, 'live'>

/** Every task, with the live ones in memory: the hot path never reads the store. */
export interface Tasks {
  /** Durable when it resolves. Throws `invalid_argument`, `scope_exceeded`, `task_not_live` for a dead parent, `store_unavailable`. */
  start(input: StartTask): Promise<Task>
  /**
   * Ends it and all its descendants in this tick (G7), then makes it durable; one that ended before is answered as it is.
   * Throws `not_found`; `store_unavailable` when it could not be written: it is dead here all the same, and written later.
   */
  end(id: string, state: Ending, reason: string): Promise<Task>
  /**
   * Ends the tasks that are live among these, with their descendants: some at a time, each lot in one transaction, letting others run
   * between them. Throws `store_unavailable` as `end` does, after the last.
   */
  endAll(ids: readonly string[], state: Ending, reason: string): Promise<void>
  /** Throws `not_found`. */
  get(id: string): Promise<Task>
  /** One page, newest first. */
  list(filter: TaskFilter): Promise<{ items: Task[]; next?: string }>
  /** The task while it, and every task above it, is live and in its time. */
  live(id: string): Task | undefined
  /** The live tasks above it, nearest first. */
  above(task: Task): readonly Task[]
  /** Ids of the tasks above it, nearest first. */
  ancestors(task: Task): readonly string[]
  /** The live tasks a selector covers; none for a target or a credential. */
  under(selector: Selector): readonly Task[]
  /** Hears of every end in the tick it happens, and first of those found at start. */
  onEnd(listener: (task: Task) => void): void
  /** Marks the runner of a task present until the answer is called. Throws `task_not_live`. */
  attend(id: string): () => void
  readonly budgets: Budgets
  /** Throws `store_unavailable`. */
  close(): Promise<void>
}

/** Opens the tasks of the store. What expired while nothing ran is expired now; a supervised task has the grace to be attended again. */
export async function createTasks(store: Store, options: TaskOptions): Promise<Tasks> {
  const { now, gateways = ALONE, report = () => undefined } = options
  const live = createLiveTasks(now)
  const ends = createEnds(store, report)
  const budgets = createBudgets(store, report)
  const deadlines = createDeadlines(now, endDue)
  const runners = createRunners({ ...options, gateways }, (task) => deadlines.set(task.id, runners.deadline(task)))
  /** Being written by this process. */
  const starting = new Map<string, Task>()
  const listeners: ((task: Task) => void)[] = []
  /** Ends before anyone listened. */
  const unheard: Task[] = []
  store.watch('task', hearStarts)
  store.watch('task_end', hearEnds)
  const stored = await store.db.selectFrom('tasks').selectAll().where('state', '=', 'live').orderBy('id').execute()
  await budgets.load()
  for (const row of stored) admitRow(row)
  deadlines.sweep()
  for (const orphan of live.orphans()) keep(finish(orphan, 'ended', 'its parent ended'))
  return {
    start,
    end,
    endAll,
    get,
    list,
    live: live.get,
    above: live.above,
    ancestors: live.ancestors,
    under: live.under,
    onEnd,
    attend,
    budgets,
    close() {
      deadlines.close()
      ends.close()
      return budgets.close()
    },
  }

  async function start(input: StartTask): Promise<Task> {
    const parent = parentOf(input)
    const task = draftTask(input, parent, options)
    const { budget = {} } = input
    const excess = parent && exceeds(budget, budgets.limits([parent.id, ...live.ancestors(parent)]))
    if (excess !== undefined) throw new StintError('scope_exceeded', `${excess}, which its parents have`)
    await write(task, budget)
    if (live.get(task.id) !== undefined) return task
    await ends.write(finish(task, 'ended', 'its parent ended'))
    throw new StintError('task_not_live', 'the parent ended meanwhile')
  }

  /** Its budget is known before it is live. */
  async function write(task: Task, budget: Budget): Promise<void> {
    starting.set(task.id, task)
    budgets.begin(task.id, budget)
    try {
      await store.write(async (tx, changed) => {
        await tx.insertInto('tasks').values(toRow(task, gateways.self)).execute()
        await budgets.insert(tx, task.id, budget)
        changed('task', task.id)
      })
      if (starting.has(task.id)) admit(task)
    } finally {
      starting.delete(task.id)
      if (live.known(task.id) === undefined) budgets.forget(task.id)
    }
  }

  /** Tasks that were started here or in another process. One whose end is not written yet is not let in again. */
  async function hearStarts(ids: readonly string[]): Promise<void> {
    const own = ids.flatMap((id) => starting.get(id) ?? [])
    for (const task of own) admit(task)
    for (const task of own) starting.delete(task.id)
    const isNew = (id: string): boolean => live.known(id) === undefined && ends.unwritten(id) === undefined
    const rows = await readTasks(store, ids.filter(isNew))
    await budgets.load(rows.filter(({ state }) => state === 'live').map(({ id }) => id))
    for (const row of rows) {
      if (row.state !== 'live') continue
      if (isNew(row.id)) admitRow(row)
      else if (live.known(row.id) === undefined) budgets.forget(row.id)
    }
  }

  /** Ends that were written here or in another process; those of this one are known. */
  async function hearEnds(ids: readonly string[]): Promise<void> {
    for (const row of await readTasks(
      store,
      ids.filter((id) => live.known(id) !== undefined),
    )) {
      const ended = fromRow(row)
      const task = live.known(row.id)
      if (task !== undefined && ended.state !== 'live') finish(task, ended.state, ended.endReason ?? '', ended.endedAt)
    }
  }

  function parentOf({ parentId }: StartTask): Task | undefined {
    if (parentId === undefined) return undefined
    const parent = live.get(parentId)
    if (parent === undefined) throw new StintError('task_not_live', 'the parent is not live')
    const { maxTaskDepth } = options
    if (live.ancestors(parent).length < maxTaskDepth) return parent
    throw new StintError('scope_exceeded', `tasks nest ${maxTaskDepth} deep at most (maxTaskDepth)`)
  }

  async function end(id: string, state: Ending, reason: string): Promise<Task> {
    const task = live.known(id)
    const unwritten = ends.unwritten(id)
    const ended = task === undefined ? [] : finish(task, state, printable(reason))
    await ends.write(unwritten === undefined ? ended : [unwritten])
    return ended[0] ?? unwritten ?? (await get(id))
  }

  async function endAll(ids: readonly string[], state: Ending, reason: string): Promise<void> {
    const [words, failures]: [string, unknown[]] = [printable(reason), []]
    for (let at = 0; at < ids.length; at += LOT) {
      const lot = ids.slice(at, at + LOT).flatMap((id) => live.known(id) ?? [])
      const ended = lot.flatMap((task) => finish(task, state, words))
      await ends.write(ended).catch((thrown: unknown) => failures.push(thrown))
      await immediate()
    }
    if (failures.length > 0) throw failures[0]
  }

  async function get(id: string): Promise<Task> {
    deadlines.sweep()
    const known = live.known(id) ?? ends.unwritten(id)
    if (known !== undefined) return known
    const row = await store.db.selectFrom('tasks').selectAll().where('id', '=', id).executeTakeFirst()
    if (row === undefined) throw new StintError('not_found', `there is no task ${id}`)
    return fromRow(row)
  }

  async function list(filter: TaskFilter): Promise<{ items: Task[]; next?: string }> {
    deadlines.sweep()
    const page = await listTasks(store, filter)
    return { ...page, items: page.items.map((task) => ends.unwritten(task.id) ?? task) }
  }

  function onEnd(listener: (task: Task) => void): void {
    listeners.push(listener)
    for (const task of unheard.splice(0)) listener(task)
  }

  function attend(id: string): () => void {
    const task = live.get(id)
    if (task === undefined) throw new StintError('task_not_live', 'the task is not live')
    return runners.arrive(task)
  }

  function admitRow(row: TaskRow): void {
    const task = fromRow(row)
    runners.belongsTo(task, row.gateway ?? gateways.self)
    admit(task)
  }

  function admit(task: Task): void {
    live.add(task)
    deadlines.set(task.id, runners.deadline(task))
  }

  function endDue(ids: readonly string[]): void {
    const time = now()
    const due = ids.flatMap((id) => live.known(id) ?? [])
    const expired = due.filter((task) => task.expiresAt <= time).flatMap((task) => finish(task, 'expired', 'its time was up'))
    const silent = due.filter((task) => task.expiresAt > time)
    for (const task of silent) if (!runners.isLost(task)) deadlines.set(task.id, runners.deadline(task))
    const lost = silent.filter(runners.isLost).flatMap((task) => finish(task, 'ended', 'runner lost'))
    keep([...expired, ...lost])
  }

  /** In memory, in this tick: the task and everything under it is dead, and the listeners know. */
  function finish(task: Task, state: Ending, reason: string, endedAt = now()): Task[] {
    if (live.known(task.id) === undefined) return []
    const ended = live.remove(task).map((one) => {
      const endReason = one === task ? reason : `its parent ended: ${reason}`
      return { ...one, state, endedAt, endReason }
    })
    for (const one of ended) {
      runners.forget(one)
      deadlines.delete(one.id)
      budgets.forget(one.id)
    }
    for (const one of ended) announce(one)
    return ended
  }

  function announce(task: Task): void {
    if (listeners.length === 0) unheard.push(task)
    for (const listener of listeners) {
      try {
        listener(task)
      } catch (thrown) {
        report(thrown)
      }
    }
  }

  /** Writes ends that nobody waits for. */
  function keep(ended: readonly Task[]): void {
    if (ended.length > 0) ends.write(ended).catch(report)
  }
}
