import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { holdPresence } from '../../src/run/presence.ts'
import { startSession, type TaskSession } from '../../src/run/task-session.ts'
import { startFakeStint } from './fake-stint.ts'
import { startRun, until } from './start-run.ts'

const fake = await startFakeStint()
after(() => fake.close())

const key = { thumbprint: 'k', prove: async () => 'proof' }
const start = (): Promise<TaskSession> =>
  startSession(createClient(() => fake.home).call, { purpose: 'p', targets: [], actions: ['*'], labels: [] }, 'sandbox', key)

test('presence is held while it runs, comes back after a restart of the server, and is let go at the end', async () => {
  const { task, end } = await start()
  const leave = holdPresence(join(fake.home, 'operator.sock'), task.id, () => assert.fail('the task is not over'))
  await until(() => fake.task().present === 1)
  await fake.stopApi()
  await until(() => fake.task().present === 0)
  await fake.startApi()
  await until(() => fake.task().present === 1)
  assert.equal(fake.task().presences, 2)
  leave()
  await until(() => fake.task().present === 0)
  await end('over')
})

test('a task that is revoked is told once, with the reason, and presence is not held any more', async () => {
  const { task } = await start()
  const told: string[] = []
  holdPresence(join(fake.home, 'operator.sock'), task.id, (why) => told.push(why))
  await until(() => fake.task().present === 1)
  fake.revoke(fake.task())
  await until(() => told.length > 0 && fake.task().present === 0)
  assert.deepEqual(told, ['revoked: kill switch'])
})

test('a task that was over before presence could be held is told as well', async () => {
  const { task, end } = await start()
  await end('over')
  const why = await new Promise((tell) => holdPresence(join(fake.home, 'operator.sock'), task.id, tell))
  assert.equal(why, 'task_not_live')
})

test('a token is renewed before it expires, and no more after the end', async () => {
  fake.tokenSeconds = 2
  const session = await start()
  const first = session.token()
  await until(() => session.token() !== first)
  assert.equal(session.token(), fake.task().tokens.at(-1))
  fake.tokenSeconds = 300
  await session.end('over')
  await assert.rejects(session.renew(), { code: 'task_not_live' })
  await session.end('again')
})

test('a task revoked in the middle of a run is reported, the command goes on, and nothing gets through', async () => {
  const script = `echo ready; read -r go; curl -s http://upstream.test/ | grep -o '"code":"[a-z_]*"'; exit 6`
  const run = startRun(fake, ['--sandbox', 'off'], ['sh', '-c', script], { keepInput: true })
  await once(run.child.stdout, 'data')
  fake.revoke(fake.task())
  run.child.stdin.end('go\n')
  const { code, stdout, stderr } = await run.done
  assert.deepEqual([code, stdout], [6, 'ready\n"code":"task_not_live"\n'])
  assert.match(stderr, /the task is over \(revoked: kill switch\); nothing is let through any more/)
})

test('a run survives a restart of the server', async () => {
  const run = startRun(fake, ['--sandbox', 'off'], ['sh', '-c', 'echo ready; read -r go; curl -s http://upstream.test/'], {
    keepInput: true,
  })
  await once(run.child.stdout, 'data')
  await fake.stopApi()
  await fake.startApi()
  run.child.stdin.end('go\n')
  const { code, stdout } = await run.done
  assert.deepEqual([code, stdout, fake.task().state], [0, 'ready\nhello from upstream\n', 'ended'])
})

test('a server that is gone when the command ends costs one line, and not the exit code', async () => {
  const run = startRun(fake, ['--sandbox', 'off'], ['sh', '-c', 'echo ready; read -r go; exit 7'], { keepInput: true })
  await once(run.child.stdout, 'data')
  await fake.stopApi()
  run.child.stdin.end('go\n')
  const { code, stderr } = await run.done
  await fake.startApi()
  assert.equal(code, 7)
  const [, ...last] = stderr.slice(stderr.indexOf('no sandbox')).trimEnd().split('\n')
  assert.deepEqual(last, [
    'stint: the task could not be ended now (Stint is not running on this data directory); it ends by itself',
  ])
})
