import type { TestContext } from 'node:test'
import type { Store } from '../../src/store/store.ts'
import { createTasks, type StartTask, type TaskOptions, type Tasks } from '../../src/tasks/tasks.ts'
import { temporaryStore } from '../store/temporary.ts'

export const START: StartTask = {
  purpose: 'read my issues',
  owner: 'alice@example.com',
  workload: 'spiffe://stint.local/run/1',
  proof: 'sandbox',
  keyThumbprint: 'k'.repeat(43),
  scope: { targets: ['github', 'npm'], actions: ['github:*', 'http:GET'] },
}

export const OPTIONS: TaskOptions = {
  defaultTtlSeconds: 900,
  maxTtlSeconds: 3600,
  runnerGraceSeconds: 5,
  maxTaskDepth: 4,
  now: () => Date.now(),
}

/** Tasks on a real store, with a clock that the test moves: `pass` ticks it and lets what it caused be written. */
export async function openTasks(
  t: TestContext,
): Promise<{ tasks: Tasks; store: Store; reopen(): Promise<Tasks>; pass(ms: number): Promise<void> }> {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_700_000_000_000 })
  let tasks: Tasks | undefined
  t.after(() => tasks?.close())
  const { store } = await temporaryStore(t)
  const opened = await createTasks(store, OPTIONS)
  tasks = opened
  return {
    tasks: opened,
    store,
    async reopen() {
      await tasks?.close()
      tasks = await createTasks(store, OPTIONS)
      return tasks
    },
    async pass(ms) {
      t.mock.timers.tick(ms)
      await settle(store)
    },
  }
}

/** Waits for what is being written. */
export async function settle(store: Store): Promise<void> {
  await new Promise((later) => setImmediate(later))
  await store.write(async () => undefined)
  await new Promise((later) => setImmediate(later))
}
