import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { openStore } from '../../src/store/store.ts'
import { temporaryDirectory } from '../store/temporary.ts'

const ROUNDS = 6

test('G12: a process killed at any instant of writing has lost no acknowledged write, and kept none by half', async (t) => {
  const path = join(await temporaryDirectory(t), 'state.db')
  let next = 0
  for (let round = 0; round < ROUNDS; round++) {
    const acknowledged = await writeUntilKilled(path, next, 3 + 13 * round)
    const store = await openStore(path)
    const numbers = (await store.db.selectFrom('meta').select('value').where('key', 'like', 'n%').execute()).map(({ value }) =>
      Number(value),
    )
    const hosts = await store.db.selectFrom('tunnels').select('host').execute()
    const changes = await store.db.selectFrom('changes').select('id').execute()
    await store.close()
    assert.ok(acknowledged >= next, 'the round acknowledged something')
    for (let number = 0; number <= acknowledged; number++)
      assert.ok(numbers.includes(number), `write ${number} was acknowledged and is gone`)
    assert.ok(numbers.length <= acknowledged + 2, 'at most one write was under way')
    assert.equal(hosts.length, numbers.length)
    assert.equal(changes.length, numbers.length)
    next = numbers.length
  }
})

/** The last number the child said before it was killed, some acknowledgements after `count`. */
async function writeUntilKilled(path: string, first: number, count: number): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'g12-state-child.ts'), path, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = new Promise((done) => child.on('close', done))
  let last = -1
  for await (const line of createInterface(child.stdout)) {
    last = Number(line)
    if (last === first + count) child.kill('SIGKILL')
  }
  await gone
  assert.equal(child.signalCode, 'SIGKILL')
  return last
}
