import { createCache } from '../cache.ts'
import type { Detection } from '../config.ts'
import type { Decided, Task } from '../model.ts'

/** What was noticed, not yet kept. */
export interface Noticed {
  readonly kind: Detection
  readonly taskId: string
  readonly targetId?: string
  readonly detail: string
}

/** Notices by counting in memory: for each task of one gateway, and as many of them as are remembered. */
export interface Detectors {
  decided(decided: Pick<Decided, 'task' | 'target' | 'action' | 'decision'>): readonly Noticed[]
  /** A request under a task that is not live. */
  usedAfterEnd(taskId: string): readonly Noticed[]
  /** A genuine token came with a proof of another key, of another request or used before. */
  rejectedProof(taskId: string, why: string): readonly Noticed[]
  /** True the first time that this workload is seen to reach this target, as far as is remembered here. */
  isFirst(workload: string, targetId: string): boolean
}

/** So many refusals within so long are a burst. */
export const BURST = { count: 10, withinMs: 60_000 }
/** Changes on so many production targets within so long are a chain. */
export const CHAIN = { count: 3, withinMs: 600_000 }
/** The same kind is noticed again for a task after so long. */
const QUIET_MS = 300_000
/** Two generations of this many tasks, and of pairs of a workload and a target. */
const REMEMBERED = 8192

interface Seen {
  /** Times of the last refusals, at most BURST.count. */
  denials: number[]
  /** When each production target was last changed; at most as many as the task's scope names. */
  readonly changed: Map<string, number>
  readonly targets: Set<string>
  readonly noticedAt: Map<Detection, number>
}

const NOTHING: readonly Noticed[] = []

/** Nothing was noticed yet. */
export function createDetectors(now: () => number): Detectors {
  const tasks = createCache<Seen>(REMEMBERED)
  const quietUntil = createCache<number>(REMEMBERED)
  const pairs = createCache<true>(REMEMBERED)
  return {
    decided,
    usedAfterEnd: (taskId) => once({ kind: 'use-after-end', taskId, detail: 'it was used after it ended' }),
    rejectedProof: (taskId, why) => once({ kind: 'rejected-proof', taskId, detail: why }),
    isFirst(workload, targetId) {
      const pair = `${workload}\n${targetId}`
      if (pairs.get(pair) !== undefined) return false
      pairs.set(pair, true)
      return true
    },
  }

  function decided({ task, target, action, decision }: Parameters<Detectors['decided']>[0]): readonly Noticed[] {
    if (task === undefined || target === undefined) return NOTHING
    const seen = seenOf(task)
    if (decision.effect === 'deny') return denied(seen, task)
    if (decision.effect !== 'allow') return NOTHING
    const changes = action.access !== 'read' && target.environment === 'production'
    const chained = changes ? changed(seen, task, target.id) : NOTHING
    if (seen.targets.has(target.id)) return chained
    seen.targets.add(target.id)
    const detail = `${task.workload} reaches ${target.id} for the first time`
    return [...chained, { kind: 'new-target', taskId: task.id, targetId: target.id, detail }]
  }

  function seenOf({ id }: Task): Seen {
    const known = tasks.get(id)
    if (known !== undefined) return known
    const seen: Seen = { denials: [], changed: new Map(), targets: new Set(), noticedAt: new Map() }
    tasks.set(id, seen)
    return seen
  }

  function denied(seen: Seen, { id: taskId }: Task): readonly Noticed[] {
    const at = now()
    seen.denials.push(at)
    if (seen.denials.length > BURST.count) seen.denials.shift()
    if (seen.denials.length < BURST.count || at - (seen.denials[0] ?? 0) > BURST.withinMs) return NOTHING
    const detail = `${BURST.count} requests were refused within ${BURST.withinMs / 1000} s`
    return unlessQuiet(seen, { kind: 'denied-burst', taskId, detail })
  }

  function changed(seen: Seen, { id: taskId }: Task, targetId: string): readonly Noticed[] {
    const at = now()
    seen.changed.set(targetId, at)
    const recent = [...seen.changed].filter(([, when]) => at - when <= CHAIN.withinMs).map(([id]) => id)
    if (recent.length < CHAIN.count) return NOTHING
    const detail = `it changed ${recent.slice(0, 10).join(', ')} within ${CHAIN.withinMs / 60_000} minutes`
    return unlessQuiet(seen, { kind: 'privilege-chain', taskId, targetId, detail })
  }

  function unlessQuiet(seen: Seen, noticed: Noticed): readonly Noticed[] {
    const last = seen.noticedAt.get(noticed.kind)
    if (last !== undefined && now() - last < QUIET_MS) return NOTHING
    seen.noticedAt.set(noticed.kind, now())
    return [noticed]
  }

  /** For tasks that may not be live, and so have nothing here that is bounded by them. */
  function once(noticed: Noticed): readonly Noticed[] {
    const key = `${noticed.kind} ${noticed.taskId}`
    if (now() < (quietUntil.get(key) ?? 0)) return NOTHING
    quietUntil.set(key, now() + QUIET_MS)
    return [noticed]
  }
}
