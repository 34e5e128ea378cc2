import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller, Flow, Target, Task } from '../src/model.ts'
import { createFlows } from '../src/revocations/flows.ts'
import { openStore } from '../src/store/store.ts'
import { createTasks, type StartTask } from '../src/tasks/tasks.ts'
import type { Bench } from './row.ts'

const DESCENDANTS = 1000
const DEPTH = 4

/** A parent with 1,000 descendants, four deep, each with an open stream: until all are refused and cut, and until that is durable. */
export const bench: Bench = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-bench-'))
  const store = await openStore(join(directory, 'stint.db'))
  const options = { defaultTtlSeconds: 900, maxTtlSeconds: 3600, runnerGraceSeconds: 5, maxTaskDepth: DEPTH, now: Date.now }
  const tasks = await createTasks(store, options)
  const flows = createFlows(tasks.ancestors)
  tasks.onEnd(({ id }) => void flows.cut({ kind: 'task', id }))
  const parent = await tasks.start(WISH)
  const family: Task[] = []
  while (family.length < DESCENDANTS) {
    let above = parent
    for (let depth = 0; depth < DEPTH; depth++) {
      above = await tasks.start({ ...WISH, parentId: above.id })
      family.push(above)
    }
  }
  const open: Flow[] = family.map((task) => flows.open({ caller: { ...CALLER, taskId: task.id }, task, target: TARGET }))
  const startedAt = performance.now()
  const ending = tasks.end(parent.id, 'ended', 'bench')
  const left = family.filter(({ id }) => tasks.live(id) !== undefined).length + open.filter(({ isCut }) => !isCut).length
  const refusedMs = performance.now() - startedAt
  await ending
  const durableMs = performance.now() - startedAt
  tasks.close()
  await store.close()
  rmSync(directory, { recursive: true })
  return [
    {
      ...{ name: 'delegation: 1,000 descendants refused and cut', value: refusedMs, unit: 'ms', bar: '≤ 100 ms, none left' },
      holds: refusedMs <= 100 && left === 0,
    },
    { name: 'delegation: their ends durable', value: durableMs, unit: 'ms', bar: '≤ 1 s', holds: durableMs <= 1000 },
  ]
}

const WISH: StartTask = {
  ...{ purpose: 'bench', owner: 'ann', workload: 'spiffe://stint.local/run/1', proof: 'run-secret' },
  ...{ keyThumbprint: 'k'.repeat(43), scope: { targets: ['web'], actions: ['*'] } },
}

const CALLER: Caller = { id: WISH.workload, proof: 'run-secret', issuer: 'stint', actors: [], claims: {} }

const TARGET: Target = {
  ...{ id: 'web', connector: 'http', hosts: [], environment: 'development', sensitivity: 'internal' },
  ...{ labels: [], privateNetworks: [], placement: { kind: 'none' } },
}
