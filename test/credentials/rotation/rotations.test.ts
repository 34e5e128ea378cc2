import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Recipe } from '../../../src/credentials/rotation/recipe.ts'
import { isOver, type RotationRecord } from '../../../src/credentials/rotation/rotation-record.ts'
import { StintError } from '../../../src/errors.ts'
import { Secret } from '../../../src/secret.ts'
import { temporaryDirectory } from '../../store/temporary.ts'
import { code } from '../../targets/fixture.ts'
import { type Fault, type Legacy, startLegacy } from './legacy.ts'
import { recipeAt } from './recipe-example.ts'
import { FIRST, KEY, openRig, type Rig } from './rig.ts'

type More = Parameters<typeof openRig>[2]

async function legacyOf(t: TestContext): Promise<Legacy> {
  const legacy = await startLegacy(FIRST)
  t.after(() => legacy.close())
  return legacy
}

async function rigOf(t: TestContext, legacy: Legacy, more?: More): Promise<Rig> {
  const rig = await openRig(await temporaryDirectory(t), legacy.port, more)
  t.after(() => rig.close())
  return rig
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; !(await condition()); await sleep(20))
    assert.ok(Date.now() < deadline, `in 20 s not: ${what}`)
}

async function over(rig: Rig): Promise<RotationRecord> {
  await until(async () => isOver(await rig.newest()), 'over')
  return rig.newest()
}

/** The system has one key, and it is the one in the vault. */
function assertOneKey(rig: Rig, legacy: Legacy): void {
  assert.deepEqual(
    [...legacy.keys.values()].map(({ value }) => value),
    [rig.value()],
  )
}

/** The fault at one moment, so many times. */
function failing(moment: string, fault: Fault, times = 1): Legacy['fault'] {
  let left = times
  return (now) => {
    if (now !== moment || left === 0) return undefined
    left -= 1
    return fault
  }
}

const BLIND: Partial<Recipe> = { find: undefined } as never

describe('a rotation', () => {
  test('makes a key, verifies it, stores it, ends the old one and sees it refused', async (t) => {
    const legacy = await legacyOf(t)
    const rig = await rigOf(t, legacy)
    const { id } = await rig.begin()
    const dead = await over(rig)
    assert.equal(dead.state, 'dead')
    assert.equal(dead.id, id)
    assertOneKey(rig, legacy)
    assert.notEqual(rig.value(), FIRST)
    assert.deepEqual(
      dead.sightings.map(({ key, saw }) => `${key} ${saw}`),
      ['old live', 'new live', 'old refused', 'old refused', 'old refused'],
    )
    assert.deepEqual(rig.told, ['make', 'store', 'retire', 'dead'])
    assert.ok([...legacy.keys.values()].every(({ name }) => name === `stint ${id}`))
  })

  test('keeps its keys sealed while it goes on, and forgets them when it is over', async (t) => {
    const legacy = await legacyOf(t)
    const rows: string[] = []
    const rig: Rig = await rigOf(t, legacy, {
      async at(moment) {
        if (moment.startsWith('before'))
          rows.push(JSON.stringify(await rig.store.db.selectFrom('rotations').selectAll().execute()))
      },
    })
    await rig.begin()
    await over(rig)
    const made = rig.value()
    assert.ok(rows.length > 5 && rows.every((row) => !row.includes(FIRST) && !row.includes(made)))
    const row = await rig.store.db.selectFrom('rotations').select('sealed').executeTakeFirstOrThrow()
    assert.equal(row.sealed, null)
  })

  test('goes on from its own key: the id of the next one to end is the id of the last one made', async (t) => {
    const legacy = await legacyOf(t)
    const rig = await rigOf(t, legacy)
    await rig.begin()
    await over(rig)
    const second = await rig.rotations.begin(KEY, 'operator')
    await over(rig)
    assert.equal(second.oldId, '2')
    assert.equal((await rig.newest()).state, 'dead')
    assertOneKey(rig, legacy)
  })

  test('is one at a time for each credential', async (t) => {
    const legacy = await legacyOf(t)
    const rig = await rigOf(t, legacy, { at: (moment) => (moment === 'before make' ? sleep(100) : undefined) })
    await rig.begin()
    await assert.rejects(rig.rotations.begin(KEY, 'operator'), code('conflict', /under way/))
    await assert.rejects(rig.rotations.forget(KEY), code('conflict', /under way/))
    await over(rig)
  })

  test('does nothing at the target that the log cannot record', async (t) => {
    const legacy = await legacyOf(t)
    let refusals = 2
    const rig = await rigOf(t, legacy, {
      at(moment) {
        if (moment !== 'told make' || refusals === 0) return
        refusals -= 1
        assert.ok(!legacy.calls.includes('make'))
        throw new StintError('audit_unavailable', 'the disk is full')
      },
    })
    await rig.begin()
    assert.equal((await over(rig)).state, 'dead')
    assert.equal(refusals, 0)
  })

  test('of a credential that was replaced by hand asks for the id of its key first', async (t) => {
    const legacy = await legacyOf(t)
    const rig = await rigOf(t, legacy)
    await rig.rotations.declare(KEY, recipeAt(legacy.origin), undefined)
    await rig.vault.replace(KEY, new Secret('another-key-by-hand'))
    await assert.rejects(rig.rotations.begin(KEY, 'operator'), code('conflict', /currentId/))
  })

  test('gives way to whoever replaces the credential by hand: what it made is ended', async (t) => {
    const legacy = await legacyOf(t)
    const byHand = { id: '9', value: 'another-key-by-hand', name: 'by hand' }
    const rig: Rig = await rigOf(t, legacy, {
      async at(moment) {
        if (moment !== 'told store') return
        legacy.keys.set('9', byHand)
        await rig.vault.replace(KEY, new Secret(byHand.value))
      },
    })
    await rig.begin()
    const undone = await over(rig)
    assert.equal(undone.state, 'undone')
    assert.match(undone.why ?? '', /changed by hand/)
    assert.equal(rig.value(), byHand.value)
    assert.deepEqual([...legacy.keys.keys()].sort(), ['1', '9'])
  })

  test('does not end the old key when that was put back by hand: the new one is ended', async (t) => {
    const legacy = await legacyOf(t)
    const rig: Rig = await rigOf(t, legacy, {
      at: (moment) => (moment === 'after store' ? rig.vault.replace(KEY, new Secret(FIRST)) : undefined),
    })
    await rig.begin()
    const undone = await over(rig)
    assert.equal(undone.state, 'undone')
    assert.match(undone.why ?? '', /put back by hand/)
    assertOneKey(rig, legacy)
  })
})

describe('a rotation by a probe that', () => {
  test('is refused the value in the vault makes nothing', async (t) => {
    const legacy = await legacyOf(t)
    const rig = await rigOf(t, legacy)
    legacy.keys.clear()
    await rig.begin()
    assert.match((await over(rig)).why ?? '', /refuses the value in the vault/)
    assert.ok(!legacy.calls.includes('make'))
  })

  test('takes any value makes nothing: it could not tell a dead key', async (t) => {
    const legacy = await legacyOf(t)
    legacy.fault = (moment) => (moment === 'before probe' ? 200 : undefined)
    const rig = await rigOf(t, legacy)
    await rig.begin()
    assert.match((await over(rig)).why ?? '', /takes any value/)
    assert.ok(!legacy.calls.includes('make'))
  })
})

/** Each call, failed before it happened and after it did, in every way that a system fails. */
const FAULTS: readonly (readonly [what: string, fault: Fault])[] = [
  ['answers 429, which says that nothing was done,', 429],
  ['is cut off', 'cut'],
  ['answers 500', 500],
  ['answers 503', { status: 503, headers: { 'retry-after': '1' } }],
  ['answers garbage', { status: 302, body: 'moved' }],
]

describe('a target that', { concurrency: 8 }, () => {
  for (const call of ['make', 'probe', 'retire', 'find'] as const)
    for (const when of ['before', 'after'] as const)
      for (const [what, fault] of when === 'before' ? FAULTS : FAULTS.slice(1))
        test(`${what} ${when} it did “${call}”, twice: the rotation goes on, and no key is left over`, async (t) => {
          const legacy = await legacyOf(t)
          legacy.fault = failing(`${when} ${call}`, fault, 2)
          const rig = await rigOf(t, legacy)
          await rig.begin()
          assert.equal((await over(rig)).state, 'dead')
          assertOneKey(rig, legacy)
        })

  for (const [what, body] of [
    ['no key', {}],
    ['a key that is an object', { key: { value: {}, id: 2 } }],
    ['a key with a line break', { key: { value: 'abcdefgh\r\nx: y', id: 2 } }],
    ['the key it was to replace', { key: { value: FIRST, id: 2 } }],
    ['the id of the key it was to replace', { key: { value: 'a-key-that-never-works', id: 1 } }],
  ] as const)
    test(`makes a key and answers with ${what}: the key is found by its name and ended, and another made`, async (t) => {
      const legacy = await legacyOf(t)
      legacy.fault = failing('after make', { status: 200, body })
      const rig = await rigOf(t, legacy)
      await rig.begin()
      assert.equal((await over(rig)).state, 'dead')
      assertOneKey(rig, legacy)
      assert.equal(legacy.calls.filter((call) => call === 'make').length, 2)
    })

  test('makes a key that never works is left as it was: the key is ended, the old one stays', async (t) => {
    const legacy = await legacyOf(t)
    legacy.fault = failing('after make', { status: 201, body: { key: { value: 'a-key-that-never-works', id: '2' } } })
    const rig = await rigOf(t, legacy)
    await rig.begin()
    const undone = await over(rig)
    assert.equal(undone.state, 'undone')
    assert.equal(undone.unaccounted, undefined)
    assert.equal(rig.value(), FIRST)
    assertOneKey(rig, legacy)
  })

  test('takes its time to end a key that never worked is waited for as well', async (t) => {
    const legacy = await legacyOf(t)
    legacy.fault = failing('after make', { status: 201, body: { key: { value: 'a-key-that-never-works', id: '2' } } })
    const rig = await rigOf(t, legacy)
    await rig.begin({ propagationSeconds: 1 })
    const { state, retiredAt = Number.POSITIVE_INFINITY, endedAt = 0 } = await over(rig)
    assert.equal(state, 'undone')
    assert.ok(endedAt >= retiredAt + 1000)
  })

  test('refuses to make a key is left as it was', async (t) => {
    const legacy = await legacyOf(t)
    legacy.fault = failing('before make', 403)
    const rig = await rigOf(t, legacy)
    await rig.begin(BLIND)
    const undone = await over(rig)
    assert.deepEqual([undone.state, undone.unaccounted], ['undone', undefined])
    assert.match(undone.why ?? '', /no key was made: the target answered 403/)
    assertOneKey(rig, legacy)
  })

  for (const when of ['before', 'after'])
    test(`is cut off ${when} it made a key that cannot be listed is not asked twice: the key is spoken of by name`, async (t) => {
      const legacy = await legacyOf(t)
      legacy.fault = failing(`${when} make`, 'cut')
      const rig = await rigOf(t, legacy)
      const { id } = await rig.begin(BLIND)
      const undone = await over(rig)
      assert.equal(undone.state, 'undone')
      assert.match(undone.unaccounted ?? '', new RegExp(`a key that bears the name ${id} at legacy`))
      assert.match(String(rig.reported[0]), new RegExp(`${id}.*may exist`))
      assert.equal(rig.value(), FIRST)
      assert.equal(legacy.calls.filter((call) => call === 'make').length, 1)
    })

  test('says that it ended the old key and keeps it alive is seen through, asked again, and never believed', async (t) => {
    const legacy = await legacyOf(t)
    legacy.lies = true
    const rig = await rigOf(t, legacy)
    await rig.begin()
    await until(async () => (await rig.newest()).attempts >= 2, 'tried again')
    const { state, lastError } = await rig.newest()
    assert.equal(state, 'retiring')
    assert.match(lastError ?? '', /still works/)
    assert.ok(!rig.told.includes('dead'))
    legacy.lies = false
    assert.equal((await over(rig)).state, 'dead')
    assertOneKey(rig, legacy)
  })

  test('refuses both keys proves nothing by it', async (t) => {
    const legacy = await legacyOf(t)
    const rig = await rigOf(t, legacy)
    legacy.fault = (moment) => (moment === 'before probe' && legacy.calls.includes('retire') ? 401 : undefined)
    await rig.begin()
    await until(async () => (await rig.newest()).attempts >= 2, 'tried again')
    const { state, lastError } = await rig.newest()
    assert.equal(state, 'retiring')
    assert.match(lastError ?? '', /the key that stays as well/)
    legacy.fault = undefined
    assert.equal((await over(rig)).state, 'dead')
  })

  test('refuses the new key once it is stored keeps the old one alive', async (t) => {
    const legacy = await legacyOf(t)
    const moments: string[] = []
    const rig = await rigOf(t, legacy, { at: (moment) => void moments.push(moment) })
    legacy.fault = (moment) => (moment === 'before probe' && moments.includes('after store') ? 401 : undefined)
    await rig.begin()
    await until(async () => /the old one is not ended/.test((await rig.newest()).lastError ?? ''), 'tried again')
    assert.ok(legacy.keys.has('1'))
    legacy.fault = undefined
    assert.equal((await over(rig)).state, 'dead')
  })

  test('lists the key in use under the rotation’s name does not have it ended', async (t) => {
    const legacy = await legacyOf(t)
    legacy.fault = failing('after make', 500)
    const rig = await rigOf(t, legacy)
    const first = legacy.keys.get('1')
    assert.ok(first)
    const { id } = await rig.begin()
    legacy.keys.set('1', { ...first, name: `stint ${id}` })
    assert.equal((await over(rig)).state, 'dead')
    assert.ok(legacy.calls.indexOf('retire') >= 0)
    assertOneKey(rig, legacy)
  })

  test('takes its time is waited for: a key is looked at only past the window of the recipe', async (t) => {
    const legacy = await legacyOf(t)
    const looks: number[] = []
    const rig = await rigOf(t, legacy, { at: (moment) => void (moment === 'before probe' && looks.push(Date.now())) })
    await rig.begin({ graceSeconds: 1, propagationSeconds: 1 })
    const { storedAt = 0, retiredAt = 0 } = await over(rig)
    assert.ok(retiredAt >= storedAt + 1000)
    assert.ok(looks.slice(-6).every((at) => at >= retiredAt + 1000))
  })
})

describe('a schedule', () => {
  test('rotates what is due, and says how late it is', async (t) => {
    const legacy = await legacyOf(t)
    const rig = await rigOf(t, legacy)
    await rig.rotations.declare(KEY, recipeAt(legacy.origin), 1)
    await rig.rotations.tend()
    assert.deepEqual(await rig.rotations.list(KEY, 5), [])
    assert.deepEqual(rig.rotations.lateness(), { late: 0, overdueSeconds: 0 })
    await until(() => rig.rotations.lateness().late === 1, 'late')
    assert.ok(rig.rotations.lateness().overdueSeconds > 0)
    await rig.rotations.tend()
    const dead = await over(rig)
    assert.deepEqual([dead.state, dead.startedBy], ['dead', 'schedule'])
    assert.ok(((await rig.rotations.recipe(KEY)).rotatedAt ?? 0) > 0)
  })
})

describe('a rotation that does not get on', () => {
  test('is alerted on once, recorded as late and counted, for as long as it goes on', async (t) => {
    const legacy = await legacyOf(t)
    legacy.lies = true
    let aheadMs = 0
    const rig = await rigOf(t, legacy, { now: () => Date.now() + aheadMs })
    await rig.begin()
    await until(async () => (await rig.newest()).attempts >= 1, 'tried')
    assert.deepEqual([rig.told.includes('late'), rig.rotations.lateness().late], [false, 0])
    aheadMs = 120_000
    await until(async () => (await rig.newest()).attempts >= 3, 'tried again')
    assert.equal(rig.told.filter((act) => act === 'late').length, 1)
    assert.equal(rig.reported.length, 1)
    assert.match(String(rig.reported[0]), /does not get on: the target said that the key is ended, and it still works/)
    assert.equal(rig.rotations.lateness().late, 1)
    legacy.lies = false
    await over(rig)
    await until(() => rig.rotations.lateness().late === 0, 'not late any more')
  })
})

describe('a gateway beside others on one state', () => {
  test('takes over the rotation of one that is gone, and leaves alone that of one that is here', async (t) => {
    const legacy = await legacyOf(t)
    const directory = await temporaryDirectory(t)
    const never = new Promise<void>(() => undefined)
    const first = await openRig(directory, legacy.port, {
      self: 'a',
      at: (moment) => (moment === 'told store' ? never : undefined),
    })
    t.after(() => first.store.close())
    await first.begin()
    await until(async () => (await first.newest()).state === 'storing', 'storing')
    const here = new Set(['a'])
    const second = await openRig(directory, legacy.port, { self: 'b', others: async () => [...here] })
    t.after(() => second.close())
    await second.rotations.tend()
    assert.equal((await second.newest()).keeper, 'a')
    here.delete('a')
    await second.rotations.tend()
    const dead = await over(second)
    assert.deepEqual([dead.state, dead.keeper], ['dead', 'b'])
    assertOneKey(second, legacy)
  })
})
