import { setImmediate as immediate } from 'node:timers/promises'
import type { Task } from '../model.ts'
import type { Store } from '../store/store.ts'

const RETRY_MS = 1000
/** Ends written in one transaction: it holds up everything else for as long as it takes. */
const CHUNK = 500

/** Makes ends durable. A task that ended is dead in memory already; one that cannot be written now is written later. */
export interface Ends {
  /** Durable when it resolves, in as many transactions as it takes. Throws `store_unavailable`, and then tries again by itself. */
  write(ended: readonly Task[]): Promise<void>
  /** The ended task, while it is not yet in the store. */
  unwritten(id: string): Task | undefined
  close(): void
}

/** Ends over the store. `report` hears of a failed attempt that nobody waits for. */
export function createEnds(store: Store, report: (thrown: unknown) => void): Ends {
  const pending = new Map<string, Task>()
  let retry: NodeJS.Timeout | undefined

  return {
    write,
    unwritten: (id) => pending.get(id),
    close: () => clearTimeout(retry),
  }

  async function write(ended: readonly Task[]): Promise<void> {
    if (ended.length === 0) return
    for (const task of ended) pending.set(task.id, task)
    try {
      for (let at = 0; at < ended.length; at += CHUNK) {
        if (at > 0) await immediate()
        const chunk = ended.slice(at, at + CHUNK)
        await writeEnds(store, chunk)
        for (const task of chunk) pending.delete(task.id)
      }
    } catch (thrown) {
      retry ??= setTimeout(tryAgain, RETRY_MS).unref()
      throw thrown
    }
  }

  function tryAgain(): void {
    retry = undefined
    write([...pending.values()]).catch(report)
  }
}

/** One transaction, one statement for each group that ended alike. What the store holds as ended stays as it is. */
async function writeEnds(store: Store, ended: readonly Task[]): Promise<void> {
  const groups = Map.groupBy(ended, ({ state, endedAt, endReason }) => JSON.stringify([state, endedAt, endReason]))
  await store.write(async (tx, changed) => {
    for (const [first, ...rest] of groups.values()) {
      if (first === undefined) continue
      const { state, endedAt, endReason } = first
      const ids = [first, ...rest].map((task) => task.id)
      await tx
        .updateTable('tasks')
        .set({ state, ended_at: endedAt ?? null, end_reason: endReason ?? null })
        .where('id', 'in', ids)
        .where('state', '=', 'live')
        .execute()
    }
    for (const task of ended) changed('task_end', task.id)
  })
}
