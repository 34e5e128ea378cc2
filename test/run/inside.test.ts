import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, test } from 'node:test'
import { createInsideCheck } from '../../src/run/inside.ts'
import { identify } from '../host/identify.ts'

const children: (() => void)[] = []
afterEach(() => {
  for (const kill of children.splice(0)) kill()
})

/** A process that starts another, and says its pid. */
async function family(env: Record<string, string> = {}): Promise<{ parent: number; child: number }> {
  const process_ = spawn('sh', ['-c', 'env -i sleep 30 & echo $!; wait'], {
    env: { PATH: process.env.PATH, ...env },
    detached: true,
  })
  children.push(() => process.kill(-(process_.pid ?? 0), 'SIGKILL'))
  const [said] = await once(process_.stdout, 'data')
  return { parent: process_.pid ?? 0, child: Number(String(said)) }
}

test('what is below a registered root is inside, the root itself is not, and nothing is after it is forgotten', async () => {
  const check = createInsideCheck()
  const { parent, child } = await family()
  assert.deepEqual([check.isInside(parent), check.isInside(child)], [false, false])
  check.register('task_1', identify(parent))
  assert.deepEqual([check.isInside(parent), check.isInside(child), check.isInside(process.pid)], [false, true, false])
  check.forget('task_1')
  assert.equal(check.isInside(child), false)
})

test('a process started with STINT_TASK is inside, and so is a child of it that cleared its environment', async () => {
  const { parent, child } = await family({ STINT_TASK: 'task_1' })
  const check = createInsideCheck()
  assert.deepEqual([check.isInside(parent), check.isInside(child)], [true, true])
})

test('a reused pid is not taken for the root', async () => {
  const { parent, child } = await family()
  const check = createInsideCheck()
  check.register('task_1', { pid: parent, startTime: identify(parent).startTime - 1 })
  assert.equal(check.isInside(child), false)
})

test('a process that cannot be found out about is inside', () => {
  for (const pid of [0, -1, 4_194_305, Number.NaN]) assert.equal(createInsideCheck().isInside(pid), true, String(pid))
})

test('a run started from inside another run is inside, although it is a root itself', async () => {
  const { parent, child } = await family()
  const check = createInsideCheck()
  check.register('outer', identify(parent))
  check.register('inner', identify(child))
  assert.equal(check.isInside(child), true)
})
