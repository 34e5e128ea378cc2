import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRig } from '../credentials/leases-rig.ts'
import { temporaryDirectory } from '../store/temporary.ts'

/** Each step of the state machine, with the process killed before the provider did it, and after it did and nobody heard. */
const MOMENTS = [
  'before prepare',
  'after prepare',
  'before mint',
  'after mint',
  'active',
  'revoking',
  'before probe',
  'after probe',
  'before revoke',
  'after revoke',
  'dead',
] as const

describe('G8: a minted credential never outlives its task unnoticed, whatever instant Stint is killed at', () => {
  for (const moment of MOMENTS)
    test(`killed at “${moment}”`, async (t) => {
      const directory = await killedAt(moment, t)
      const rig = await openRig(directory)
      t.after(() => rig.close())
      rig.leases.start(() => false)
      const listed = async () => (await rig.leases.list({ limit: 10 })).items
      for (const until = Date.now() + 10_000; (await listed()).some(({ state }) => state !== 'dead'); await sleep(20))
        assert.ok(Date.now() < until, 'proved dead within 10 s')
      assert.equal(rig.leases.counts().living, 0)
      assert.deepEqual(rig.objects(), [], 'nothing is left at the provider')
      const items = await listed()
      assert.equal(items.length, moment.endsWith('prepare') ? 0 : 1, 'the intent was recorded before the provider was called')
      for (const { state, sightings } of items) {
        assert.equal(state, 'dead')
        assert.deepEqual(
          sightings.slice(-3).map(({ saw }) => saw),
          ['refused', 'refused', 'refused'],
        )
      }
    })
})

async function killedAt(moment: string, t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t)
  const file = join(import.meta.dirname, 'g8-child.ts')
  const child = spawn(process.execPath, [file, directory, moment], { stdio: ['ignore', 'inherit', 'inherit'] })
  await new Promise((done) => child.once('close', done))
  assert.equal(child.signalCode, 'SIGKILL')
  return directory
}
