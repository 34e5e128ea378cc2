import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isOver } from '../../src/credentials/rotation/rotation-record.ts'
import { type Legacy, startLegacy } from '../credentials/rotation/legacy.ts'
import { FIRST, openRig } from '../credentials/rotation/rig.ts'
import { temporaryDirectory } from '../store/temporary.ts'

/** Each step of the state machine, before it happened and after it did and nobody heard; probes by how often there was one. */
const MOMENTS: readonly (readonly [moment: string, times?: number])[] = [
  ['begun'],
  ...[1, 2, 3, 4, 5, 6].flatMap((times) => [['before probe', times] as const, ['after probe', times] as const]),
  ...['told make', 'before make', 'after make', 'told store', 'before store', 'after store'].map((one) => [one] as const),
  ...['told retire', 'before retire', 'after retire', 'before find', 'after find', 'told dead'].map((one) => [one] as const),
]

describe('G12: a rotation loses no key and leaves none, whatever instant Stint is killed at', { concurrency: 3 }, () => {
  for (const [moment, times = 1] of MOMENTS)
    test(`killed at “${moment}”${times === 1 ? '' : `, the ${times}. one`}`, async (t) => {
      const legacy = await startLegacy(FIRST)
      t.after(() => legacy.close())
      const directory = await temporaryDirectory(t)
      await killedAt(directory, legacy, moment, times)
      const rig = await openRig(directory, legacy.port)
      t.after(() => rig.close())
      const values = [...legacy.keys.values()].map(({ value }) => value)
      assert.ok(values.includes(rig.value()), 'what the vault has works, at every instant')
      await rig.rotations.start()
      for (const until = Date.now() + 20_000; !isOver(await rig.newest()); await sleep(20))
        assert.ok(Date.now() < until, 'over within 20 s')
      const { state } = await rig.newest()
      assert.equal(state, 'dead')
      assert.notEqual(rig.value(), FIRST)
      assert.deepEqual(
        [...legacy.keys.values()].map(({ value }) => value),
        [rig.value()],
        'one key is left, and it is in the vault',
      )
    })
})

describe('G12: a rotation that is undone leaves nothing of it, whatever instant Stint is killed at', { concurrency: 3 }, () => {
  for (const moment of ['before retire', 'after retire', 'told undo', 'before find', 'told undone'])
    test(`killed at “${moment}”`, async (t) => {
      const legacy = await startLegacy(FIRST)
      t.after(() => legacy.close())
      const never = { status: 201, body: { key: { value: 'a-key-that-never-works', id: '2' } } }
      legacy.fault = (now) => (now === 'after make' ? never : undefined)
      const directory = await temporaryDirectory(t)
      await killedAt(directory, legacy, moment)
      const rig = await openRig(directory, legacy.port)
      t.after(() => rig.close())
      await rig.rotations.start()
      for (const until = Date.now() + 20_000; !isOver(await rig.newest()); await sleep(20))
        assert.ok(Date.now() < until, 'over within 20 s')
      assert.equal((await rig.newest()).state, 'undone')
      assert.equal(rig.value(), FIRST)
      assert.deepEqual([...legacy.keys.keys()], ['1'])
    })
})

test('G12: a key that was asked for when Stint was killed, and that cannot be listed, is spoken of by name', async (t) => {
  const legacy = await startLegacy(FIRST)
  t.after(() => legacy.close())
  const directory = await temporaryDirectory(t)
  await killedAt(directory, legacy, 'after make', 1, 'blind')
  const rig = await openRig(directory, legacy.port)
  t.after(() => rig.close())
  await rig.rotations.start()
  for (const until = Date.now() + 20_000; !isOver(await rig.newest()); await sleep(20))
    assert.ok(Date.now() < until, 'over within 20 s')
  const { id, state, unaccounted } = await rig.newest()
  assert.equal(state, 'undone')
  assert.ok(unaccounted?.includes(id))
  assert.equal(legacy.keys.get('2')?.name, `stint ${id}`, 'the operator finds it by that name')
  assert.equal(legacy.calls.filter((call) => call === 'make').length, 1)
})

async function killedAt(directory: string, { port }: Legacy, moment: string, ...more: (number | 'blind')[]): Promise<void> {
  const file = join(import.meta.dirname, 'g12-rotation-child.ts')
  const child = spawn(process.execPath, [file, directory, String(port), moment, ...more.map(String)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await new Promise((done) => child.once('close', done))
  assert.equal(child.signalCode, 'SIGKILL')
}
