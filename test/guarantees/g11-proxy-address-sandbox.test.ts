/** G11: a stolen proxy address is useless from another process. Here: in a sandbox, where it leads nowhere outside. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type FakeStint, startFakeStint } from '../run/fake-stint.ts'
import { startRun, until } from '../run/start-run.ts'

let fake: FakeStint
before(async () => {
  fake = await startFakeStint()
})
after(() => fake.close())

test('G11: the address of a sandboxed run leads nowhere from outside, nor from another sandbox', async () => {
  const file = join(fake.project, 'address')
  const run = startRun(
    fake,
    [],
    [
      'sh',
      '-c',
      `echo $HTTP_PROXY > ${file}.new; mv ${file}.new ${file}; while [ ! -e ${file}.go ]; do sleep 0.02; done; curl -s http://upstream.test/own`,
    ],
  )
  await until(() => existsSync(file))
  const { port, href } = new URL(readFileSync(file, 'utf8').trim())
  const code = await new Promise((resolve) =>
    connect(Number(port), '127.0.0.1')
      .on('error', (error) => resolve('code' in error && error.code))
      .on('connect', () => resolve('reached')),
  )
  assert.equal(code, 'ECONNREFUSED')
  const command = ['sh', '-c', `curl -s -x ${href} http://upstream.test/stolen; echo $?; touch ${file}.go`]
  const other = await startRun(fake, [], command).done
  assert.equal(other.stdout, '7\n', 'curl: could not connect')
  assert.equal((await run.done).stdout, 'hello from upstream\n')
  assert.deepEqual(fake.seen, ['GET http://upstream.test/own'])
})
