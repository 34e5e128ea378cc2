import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FoundEntry } from '../src/audit/search.ts'
import { git } from '../src/credentials/connectors/git.ts'
import type { Caller, Task } from '../src/model.ts'
import { createUndoTask, type UndoVerbs } from '../src/undo-task.ts'

const NOBODY = { caller: null, proof: null, owner: null, code: 'done', reason: null, subject: null } as const
const OPERATOR: Caller = {
  id: 'spiffe://stint.local/operator',
  proof: 'operator-socket',
  issuer: 'stint',
  actors: [],
  claims: {},
}

/** What the log says of one push of a task: what was decided, and the way back. */
function pushed(index: number, ref: string): FoundEntry[] {
  const about = { v: 1, at: '2026-01-01T00:00:00.000Z', correlationId: ref, task: 'task_1', target: 'code' } as const
  const action = { action: 'git:push', access: 'write', resource: `acme/app:${ref}`, effect: 'allow' } as const
  const details = {
    is: 'ref',
    path: '/acme/app',
    ref,
    from: 'a'.repeat(40),
    to: 'b'.repeat(40),
    place: 'https://git.example.com:443',
  }
  const decision = { ...about, ...action, kind: 'decision', index } as unknown as FoundEntry
  return [{ ...about, ...NOBODY, kind: 'act', index: index + 1, action: 'stint:Task::undoable', details }, decision]
}

test('an apply that takes long ends with an answer, and says that the same plan goes on', async () => {
  let now = 0
  const waits: unknown[] = []
  const task = (id: string): Task => ({ id, purpose: 'p', workload: 'w', proof: 'run-secret', keyThumbprint: 'k' }) as Task
  const verbs: UndoVerbs = {
    now: () => now,
    search: async () => ({ items: [...pushed(2, 'refs/heads/b'), ...pushed(0, 'refs/heads/a')] }),
    match: () => git.example.target,
    connectorOf: () => git,
    recordAct: async () => 9,
    task: async (id) => task(id),
    start: async () => task('task_2'),
    end: async () => undefined,
    async ask({ headers }) {
      waits.push(headers.prefer)
      now += 45_000
      return { status: 200, body: Buffer.from('000eunpack ok\n0014ok refs/heads/b\n0000') }
    },
  }
  const { plan, apply } = createUndoTask(verbs)
  const { digest } = await plan('task_1')
  const { done, left, stopped } = await apply('task_1', digest, OPERATOR)
  assert.deepEqual([waits, done, left, stopped?.entry], [['wait=45'], [3], 1, 1])
  assert.match(stopped?.why ?? '', /apply the same plan again/)
})
