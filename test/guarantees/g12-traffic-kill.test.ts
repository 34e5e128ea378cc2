import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Load, openLoad } from '../fakes/load.ts'

let load: Load
before(async () => {
  load = await openLoad()
})
after(() => load.close())

test('G12: kill -9 during traffic, again and again, loses no record of a request that was answered', async () => {
  const answered = new Set<string>()
  for (let round = 0; round < 4; round += 1) {
    const traffic = load.run((correlation) => answered.add(correlation))
    await load.until(() => answered.size >= (round + 1) * 200)
    load.stint.server.kill('SIGKILL')
    await traffic
    await load.stint.restart()
  }
  const recorded = await load.recordedPaths()
  const missing = [...answered].filter((path) => !recorded.has(path))
  assert.ok(answered.size >= 800)
  assert.deepEqual(missing, [])
  assert.equal(await load.verifies(), 0)
})
