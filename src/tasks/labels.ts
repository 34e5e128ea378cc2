import type { Access, Action, Target, Task } from '../model.ts'
import type { Store } from '../store/store.ts'
import { gainsOf, liveGains, markRow } from './label-rows.ts'

/** A label that a task and all that belong to it carry from now on. `at` is epoch milliseconds. */
export interface Gain {
  /** The task at the top of its tree. */
  readonly root: string
  readonly task: string
  readonly owner: string
  readonly target: string
  readonly label: string
  readonly correlationId: string
  readonly at: number
}

/** An act that was allowed. */
export interface Touch {
  readonly task: Task
  readonly target: Target
  readonly action: Action
  readonly correlationId: string
}

/** The tree of `root` had touched `before`, and touches `now`: through the act `by`, or one at another gateway. */
export interface Gained {
  readonly root: string
  readonly before: readonly string[]
  readonly now: readonly string[]
  readonly by?: Action
}

/** What the labels need of the rest. */
export interface LabelVerbs {
  /** Ids of the tasks above it, nearest first. */
  ancestors(task: Task): readonly string[]
  isLive(id: string): boolean
  /** Resolves when every other gateway knows what was written, or refuses everything. */
  confirm(): Promise<unknown>
  /** Durable in the log when it resolves. */
  told(gain: Gain): Promise<unknown>
  now(): number
}

/** The labels of what each tree of tasks has acted on: monotone, in memory for every decision, durable before the first byte. */
export interface Labels {
  /** Sorted; the very same list until a label is gained. */
  touched(task: Task): readonly string[]
  /** Gains, in this tick, what an allowed act takes in of its target's labels: from the next decision on they count. */
  touch(act: Touch): void
  /**
   * Resolves when all that the task's tree has gained is durable and counts in every gateway; undefined where it is already. Throws
   * `store_unavailable`, `audit_unavailable`; the labels count all the same, and the next request tries to write them again.
   */
  keep(task: Task): Promise<void> | undefined
  /** Hears of every gain in the tick in which it counts here. */
  onGain(listener: (gained: Gained) => void): void
  /** The task at the top of its tree ended. */
  forget(id: string): void
  /** What the tree of `root` had touched when this decision was made. Throws `store_unavailable`. */
  touchedThen(root: string, decision: { readonly correlationId: string; readonly at: number }): Promise<readonly string[]>
}

const ANY: readonly Access[] = ['read', 'write', 'destructive', 'admin']
/**
 * Which accesses take which labels in; the first row that fits. Whatever is asked, the answer is read: a POST may well be a question.
 * Where data can leave by says nothing of what is read there, and neither do the marks that Stint makes itself.
 */
const TAKEN_IN: readonly { readonly label: RegExp; readonly by: readonly Access[] }[] = [
  { label: /^external-sink$/, by: [] },
  { label: /^(?:preset:.*|tunnel)$/, by: [] },
  { label: /^/, by: ANY },
]

const NOTHING: readonly string[] = []

/** Reads the labels of the live tasks and follows what other gateways add. */
export async function openLabels(store: Store, verbs: LabelVerbs): Promise<Labels> {
  const byRoot = new Map<string, readonly string[]>()
  /** Counts already, and is not durable everywhere yet. */
  const unkept = new Map<string, Gain[]>()
  const keeping = new Map<string, Promise<void>>()
  const listeners: ((gained: Gained) => void)[] = []
  const topOf = (task: Task): string => verbs.ancestors(task).at(-1) ?? task.id
  const add = (root: string, labels: readonly string[], by?: Action): void => {
    const before = byRoot.get(root) ?? NOTHING
    const fresh = labels.filter((label) => !before.includes(label))
    if (fresh.length === 0) return
    const now = [...before, ...fresh].sort()
    byRoot.set(root, now)
    for (const listener of listeners) listener({ root, before, now, ...(by && { by }) })
  }
  store.watch('task_label', async (roots) => {
    for (const { root, label } of await liveGains(store, roots)) if (verbs.isLive(root)) add(root, [label])
  })
  for (const { root, label } of await liveGains(store)) add(root, [label])
  return {
    touched: (task) => (byRoot.size === 0 ? NOTHING : (byRoot.get(topOf(task)) ?? NOTHING)),
    touch,
    keep,
    onGain: (listener) => listeners.push(listener),
    forget(id) {
      byRoot.delete(id)
      unkept.delete(id)
    },
    touchedThen: (root, decision) => gainsOf(store, root, decision),
  }

  function touch({ task, target, action, correlationId }: Touch): void {
    if (target.labels.length === 0) return
    const root = topOf(task)
    const has = byRoot.get(root) ?? NOTHING
    const fresh = takenIn(target, action.access).filter((label) => !has.includes(label))
    if (fresh.length === 0 || !verbs.isLive(root)) return
    const gain = { root, task: task.id, owner: task.owner, target: target.id, correlationId, at: verbs.now() }
    unkept.set(root, [...(unkept.get(root) ?? []), ...fresh.map((label) => ({ ...gain, label }))])
    add(root, fresh, action)
  }

  function keep(task: Task): Promise<void> | undefined {
    if (unkept.size === 0) return undefined
    const root = topOf(task)
    if (!unkept.has(root)) return undefined
    const running = keeping.get(root) ?? NEVER_BEGUN
    const next = running.catch(() => undefined).then(() => write(root))
    keeping.set(root, next)
    return next.finally(() => {
      if (keeping.get(root) === next) keeping.delete(root)
    })
  }

  async function write(root: string): Promise<void> {
    const gains = unkept.get(root) ?? []
    if (gains.length === 0) return
    await store.write(async (tx, changed) => {
      for (const gain of gains) await markRow(tx, gain)
      changed('task_label', root)
    })
    await Promise.all([verbs.confirm(), ...gains.map(verbs.told)])
    const left = (unkept.get(root) ?? []).filter((gain) => !gains.includes(gain))
    if (left.length === 0) unkept.delete(root)
    else unkept.set(root, left)
  }
}

const NEVER_BEGUN = Promise.resolve()

const taken = new WeakMap<Target, Map<Access, readonly string[]>>()

/** Worked out once for a target, which does not change. */
function takenIn(target: Target, access: Access): readonly string[] {
  const known = taken.get(target)?.get(access)
  if (known !== undefined) return known
  const labels = target.labels.filter((label) => TAKEN_IN.find((rule) => rule.label.test(label))?.by.includes(access))
  taken.set(target, (taken.get(target) ?? new Map<Access, readonly string[]>()).set(access, labels))
  return labels
}
