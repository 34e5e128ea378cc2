import type { Approval, Before } from './approvals/approval.ts'
import { catalogued } from './catalogued.ts'
import { undefinedWhereMissing } from './errors.ts'
import type { Rooms } from './rooms.ts'
import type { Tasks } from './tasks/tasks.ts'

const MOST_DEEDS = 10

/**
 * What the task of a question did before it asked, so that people see more than one request. Read from this gateway's log when the
 * question is shown, and never while a request waits; the log is read back to the start of the task at most, in one bounded search.
 * Nothing for a drill, which is no task's, nor for a task that the state does not have any more. Throws `store_unavailable`, `audit_tampered`.
 */
export async function readBefore({ tasks, labels, search }: Rooms, asked: Approval): Promise<Before> {
  const { taskId, createdAt } = asked
  const task = taskId === '' ? undefined : await tasks.get(taskId).catch(undefinedWhereMissing)
  if (task === undefined) return { touched: [], before: [] }
  const since = task.startedAt
  const touched = await labels.touchedThen(await topOf(tasks, taskId), { correlationId: '', at: createdAt - 1 })
  const wanted = { kind: 'decision', task: taskId, since, until: createdAt - 1, limit: MOST_DEEDS }
  const { items } = await search.search(wanted).catch((thrown) => Promise.reject(catalogued(thrown)))
  const before = items.flatMap((entry) => {
    if (entry.kind !== 'decision') return []
    const { at, action, target, resource, effect } = entry
    return [{ at: Date.parse(at), action, targetId: target ?? '', resource, effect }]
  })
  return { touched, before }
}

/** The task at the top of its tree, live or not. */
async function topOf(tasks: Tasks, id: string): Promise<string> {
  const { parentId } = await tasks.get(id)
  return parentId === undefined ? id : topOf(tasks, parentId)
}
