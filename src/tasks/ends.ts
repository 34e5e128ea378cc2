import type { Task } from '../model.ts'
import type { Store } from '../store/store.ts'

const RETRY_MS = 1000
const CHUNK = 500

/** Makes ends durable. A task that ended is dead in memory already; one that cannot be written now is written later. */
export interface Ends {
  /** Durable when it resolves. Throws `store_unavailable`, and then tries again by itself. */
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
      await writeEnds(store, ended)
    } catch (thrown) {
      retry ??= setTimeout(tryAgain, RETRY_MS).unref()
      throw thrown
    }
    for (const task of ended) pending.delete(task.id)
  }

  function tryAgain(): void {
    retry = undefined
    write([...pending.values()]).catch(report)
  }
}

/** One transaction, one statement for each group that ended alike. What the store holds as ended stays as it is. */
async function writeEnds(store: Store, ended: readonly Task[]): Promise<void> {
  await store.write(async (tx, changed) => {
    for (const { alike, ids } of groupsOf(ended)) {
      const { state, endedAt, endReason } = alike
      await tx
        .updateTable('tasks')
        .set({ state, ended_at: endedAt ?? null, end_reason: endReason ?? null })
        .where('id', 'in', ids)
        .where('state', '=', 'live')
        .execute()
    }
    for (const task of ended) changed('task', task.id)
  })
}

function groupsOf(ended: readonly Task[]): { alike: Task; ids: string[] }[] {
  const groups = Map.groupBy(ended, (task) => JSON.stringify([task.state, task.endedAt, task.endReason]))
  return [...groups.values()].flatMap((group) => chunksOf(group, CHUNK))
}

function chunksOf(group: readonly Task[], size: number): { alike: Task; ids: string[] }[] {
  const [alike] = group
  if (alike === undefined) return []
  const rest = chunksOf(group.slice(size), size)
  return [{ alike, ids: group.slice(0, size).map((task) => task.id) }, ...rest]
}
