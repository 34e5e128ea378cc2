import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCancelKeys } from '../../src/gateway/postgres-cancel.ts'

test('a session is cancelled by its key under its own task, while it is open, and once at a time', async () => {
  const failures: unknown[] = []
  const keys = createCancelKeys((thrown) => failures.push(thrown))
  let [times, goOn] = [0, () => {}]
  const held = keys.add('task_1', () => {
    times += 1
    return new Promise((done) => {
      goOn = done
    })
  })
  const name = held.key.toString('hex')
  assert.ok(held.key.length === 8 && held.key.readInt32BE() >= 0, 'a process number is not negative')
  for (const [task, key] of [
    ['task_2', name],
    [undefined, name],
    ['task_1', '00'.repeat(8)],
  ] as const)
    await keys.cancel(task, key)
  assert.equal(times, 0, 'nobody else cancels it')
  const first = keys.cancel('task_1', name)
  await keys.cancel('task_1', name)
  goOn()
  await first
  assert.equal(times, 1)
  held.remove()
  await keys.cancel('task_1', name)
  assert.equal(times, 1)
  const broken = keys.add('task_1', () => Promise.reject(new Error('unreachable')))
  await keys.cancel('task_1', broken.key.toString('hex'))
  assert.match(String(failures), /unreachable/)
})

test('a session without a task is cancelled by nobody', async () => {
  const keys = createCancelKeys(() => assert.fail())
  const { key } = keys.add(undefined, async () => assert.fail())
  await keys.cancel(undefined, key.toString('hex'))
})
