import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type DeclaredRecipe, openRotationLedger, type RotationEntry } from '../../../src/credentials/rotation/rotation-ledger.ts'
import { moveTo, type RotationRecord } from '../../../src/credentials/rotation/rotation-record.ts'
import type { Store } from '../../../src/store/store.ts'
import { startPostgres } from '../../services/postgres.ts'
import { temporarySharedStore, temporaryStore } from '../../store/temporary.ts'
import { code, TARGET } from '../../targets/fixture.ts'
import { recipeAt } from './recipe-example.ts'

const postgres = await startPostgres()
const STORES: readonly { name: string; skip: string | false; open(t: TestContext): Promise<Store> }[] = [
  { name: 'SQLite', skip: false, open: async (t) => (await temporaryStore(t)).store },
  { name: 'PostgreSQL', skip: postgres.skip, open: (t) => temporarySharedStore(t, postgres.running) },
]

const RECIPE = recipeAt('https://api.example.com')
const DECLARED: DeclaredRecipe = { credentialId: 'key', recipe: RECIPE, declaredAt: 1_800_000_000_000, version: 4 }

function entryOf(id: string, startedAt = 1_800_000_000_000): RotationEntry {
  const record: RotationRecord = {
    ...{ id, credentialId: 'key', state: 'making', keeper: 'a', startedBy: 'me', recipe: RECIPE, target: TARGET },
    ...{ version: 4, startedAt, attempts: 0, sightings: [] },
  }
  return { record, sealed: 'sealed' }
}

/** As if it had gone through. */
function dead({ record }: RotationEntry): RotationEntry {
  const stored = moveTo(moveTo(moveTo(record, 'verifying', { newId: '2' }), 'storing'), 'retiring')
  return { record: moveTo(stored, 'dead', { endedAt: 1_800_000_000_009 }), sealed: undefined }
}

for (const { name, skip, open } of STORES)
  describe(`the ledger of rotations on ${name}`, { skip }, () => {
    test('has one rotation of a credential under way, and no other recipe meanwhile', async (t) => {
      const ledger = openRotationLedger(await open(t))
      await ledger.declare(DECLARED)
      const entry = entryOf('rotation_a')
      await ledger.begin(entry)
      await assert.rejects(ledger.begin(entryOf('rotation_b')), code('conflict', /rotation_a of key is under way/))
      await assert.rejects(ledger.declare(DECLARED), code('conflict'))
      await assert.rejects(ledger.forget('key'), code('conflict'))
      assert.deepEqual(await ledger.underWay(), [entry])
      await ledger.save(dead(entry))
      assert.deepEqual(await ledger.underWay(), [])
      await ledger.begin(entryOf('rotation_b', 1_800_000_000_001))
      assert.deepEqual(
        (await ledger.list('key', 5)).map(({ id, state }) => [id, state]),
        [
          ['rotation_b', 'making'],
          ['rotation_a', 'dead'],
        ],
      )
    })

    test('notes with the recipe what the key is after one that ended well, and when one was undone', async (t) => {
      const ledger = openRotationLedger(await open(t))
      await ledger.declare(DECLARED)
      const [first, second] = [entryOf('rotation_a'), entryOf('rotation_b')]
      await ledger.begin(first)
      await ledger.save(dead(first))
      const rotated = { ...DECLARED, recipe: { ...RECIPE, currentId: '2' }, version: 5, rotatedAt: 1_800_000_000_009 }
      assert.deepEqual(await ledger.recipe('key'), rotated)
      await ledger.begin(second)
      await ledger.save({ record: moveTo(second.record, 'undone', { endedAt: 1_800_000_000_010 }), sealed: undefined })
      assert.deepEqual(await ledger.recipes(), [{ ...rotated, undoneAt: 1_800_000_000_010 }])
    })

    test('gives a rotation to another gateway when its own is gone, which then cannot write it any more', async (t) => {
      const ledger = openRotationLedger(await open(t))
      const entry = entryOf('rotation_a')
      await ledger.begin(entry)
      assert.deepEqual(await ledger.adopt('b', (keeper) => keeper === 'a'), [])
      assert.deepEqual(await ledger.adopt('b', () => false), ['rotation_a'])
      assert.equal((await ledger.load('rotation_a')).record.keeper, 'b')
      await assert.rejects(ledger.save(entry), code('conflict', /kept by another gateway/))
    })

    test('says so when there is none', async (t) => {
      const ledger = openRotationLedger(await open(t))
      await assert.rejects(ledger.load('rotation_a'), code('not_found'))
      assert.equal(await ledger.recipe('key'), undefined)
    })
  })
