import assert from 'node:assert/strict'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Opening } from '../../src/glass/opening.ts'
import { ANA, DOT, LIVE, openRig, type Rig } from '../glass/rig.ts'
import { temporaryDirectory } from '../store/temporary.ts'

/** What the disk held at an instant: all that a process that is killed there leaves to the next. */
interface Instant {
  readonly moment: string
  readonly directory: string
}

const WISH = { credentialId: 'orders-key', openBy: '2 of role:oncall', seconds: 600 }

for (const [what, minimum, live] of [
  ['an opening', 30, openCloseAndReview],
  ['a drill', 14, drillOnce],
] as const)
  describe(`G14: ${what} that Stint is killed in ends closed, in the log and with what it owes`, () => {
    test('at every instant, before and after all that it leaves behind', async (t) => {
      const instants = await everyInstantOf(live, t)
      assert.ok(instants.length >= minimum, `${instants.length} instants`)
      for (const { moment, directory } of instants) await endsWell(moment, directory)
    })
  })

test('G14: an end that the log cannot take is told when it can; nothing passes meanwhile, and the value is replaced', async (t) => {
  let isDown = false
  const rig = await openRig(await temporaryDirectory(t), undefined, (act) => isDown && act === 'closed')
  t.after(() => rig.close())
  const asked = await sealAndAsk(rig)
  await grant(rig, asked)
  isDown = true
  await rig.glass.close(asked.id, 'it is out')
  assert.equal(rig.glass.look(LIVE)?.isOpen, false)
  while (rig.reported.length < 2) await turn()
  assert.equal((await rig.glass.get(asked.id)).unrecorded, true)
  assert.equal((await rig.glass.get(asked.id)).renewal, 'begun', 'its new value does not wait for the log')
  isDown = false
  await settled(rig)
  assert.equal(rig.told().filter((line) => line.startsWith('closed ')).length, 1)
})

/** Started on what was left there: what was open is closed, and what happened is told and owed. */
async function endsWell(moment: string, directory: string): Promise<void> {
  const rig = await openRig(directory)
  try {
    const { glass } = rig
    const [found] = (await glass.list({ limit: 10 })).items
    await glass.start()
    if (found === undefined) return
    const { id } = found
    const told = (line: string): boolean => rig.told().some((one) => one.startsWith(`${line} ${id}`))
    if (glass.countOpen() === 1) {
      assert.equal(found.state, 'asked', `${moment}: only what people have said yes to meanwhile is open`)
      assert.ok(told('question') && told('opened') && told('alert'), `${moment}: it is open, and nobody hears of it`)
      await glass.close(id, 'it is out')
    }
    assert.equal(glass.look(LIVE)?.isOpen, false, moment)
    await settled(rig)
    const left = await glass.get(id)
    assert.ok(['asked', 'closed', 'lapsed', 'drilled'].includes(left.state), `${moment}: ${left.state}`)
    assert.ok(told(left.state), `${moment}: the log does not know that it is ${left.state}`)
    if (left.state === 'asked') return assert.ok(told('question'), `${moment}: it waits for people who were never asked`)
    if (left.state === 'closed') return await owesAll(moment, rig, left)
    assert.equal(left.openedAt, undefined, moment)
    assert.equal((await glass.ask('orders-key', { taskId: 'task_1', reason: 'again' }, ANA)).state, 'asked', moment)
  } finally {
    await rig.close()
  }
}

/** It was open: people heard of it, its value is being replaced, and there is none before a review. */
async function owesAll(moment: string, { glass, told }: Rig, { id, renewal, review }: Opening): Promise<void> {
  for (const line of [`opened ${id}`, `alert ${id}`, 'rotation orders-key'])
    assert.ok(
      told().some((one) => one.startsWith(line)),
      `${moment}: nothing says “${line}”`,
    )
  assert.equal(renewal, 'begun', moment)
  if (review === undefined) {
    await assert.rejects(glass.ask('orders-key', { taskId: 'task_1', reason: 'again' }, ANA), /has no review/, moment)
    await glass.review(id, DOT, 'as it should be')
  }
  await assert.rejects(glass.ask('orders-key', { taskId: 'task_1', reason: 'again' }, ANA), /still has the value/, moment)
}

/** The disk as it was at each moment of it. */
async function everyInstantOf(live: (rig: Rig) => Promise<void>, t: TestContext): Promise<readonly Instant[]> {
  const [here, copies] = [await temporaryDirectory(t), await temporaryDirectory(t)]
  const instants: Instant[] = []
  const rig = await openRig(here, (moment) => {
    const directory = join(copies, String(instants.length))
    cpSync(here, directory, { recursive: true })
    instants.push({ moment: `${instants.length} ${moment}`, directory })
  })
  await live(rig)
  await rig.close()
  return instants
}

async function openCloseAndReview(rig: Rig): Promise<void> {
  const asked = await sealAndAsk(rig)
  await grant(rig, asked)
  assert.equal(rig.glass.look(LIVE)?.isOpen, true)
  await rig.glass.close(asked.id, 'it is out')
  await settled(rig)
  await rig.glass.review(asked.id, DOT, 'as it should be')
}

async function drillOnce(rig: Rig): Promise<void> {
  await rig.glass.seal(WISH, LIVE.target, 'ana')
  const asked = await rig.glass.drill('orders-key', false, ANA)
  for (const name of ['bea', 'cem']) rig.sayYes(name, asked)
  while ((await rig.glass.get(asked.id)).state !== 'drilled') await turn()
}

async function sealAndAsk({ glass }: Rig): Promise<Opening> {
  await glass.seal(WISH, LIVE.target, 'ana')
  return glass.ask('orders-key', { taskId: 'task_1', reason: 'it burns' }, ANA)
}

async function grant(rig: Rig, asked: Opening): Promise<void> {
  for (const name of ['bea', 'cem']) rig.sayYes(name, asked)
  while (rig.glass.countOpen() === 0) await turn()
}

/** Nothing is left for Stint to do by itself; a question waits for people. */
async function settled({ store }: Rig): Promise<void> {
  const waiting = store.db.selectFrom('openings').select('id').where('unsettled', '=', 1).where('state', '!=', 'asked')
  while ((await waiting.execute()).length > 0) await turn()
}
