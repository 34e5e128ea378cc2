/** G11: a stolen proxy address is useless from another process. Here: in a sandbox, where it leads nowhere outside. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { startFakeStint } from '../run/fake-stint.ts'
import { hold, startRun } from '../run/start-run.ts'

const fake = await startFakeStint()
after(() => fake.close())

test('G11: the address of a sandboxed run leads nowhere from outside, nor from another sandbox', async () => {
  const { address, go, run } = await hold(fake, [], 'curl -s http://upstream.test/own')
  const { port, href } = address
  const code = await new Promise((resolve) =>
    connect(Number(port), '127.0.0.1')
      .on('error', (error) => resolve('code' in error && error.code))
      .on('connect', () => resolve('reached')),
  )
  assert.equal(code, 'ECONNREFUSED')
  const command = ['sh', '-c', `curl -s -x ${href} http://upstream.test/stolen; echo $?; touch ${go}`]
  const other = await startRun(fake, [], command).done
  assert.equal(other.stdout, '7\n', 'curl: could not connect')
  assert.equal((await run.done).stdout, 'hello from upstream\n')
  assert.deepEqual(fake.seen, ['GET http://upstream.test/own'])
})
