import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stringify } from 'yaml'
import type { Page, RotationListing } from '../../src/api/verbs.ts'
import { createClient } from '../../src/cli/client.ts'
import type { Opening } from '../../src/glass/opening.ts'
import { placesIn } from '../../src/home.ts'
import { openStore } from '../../src/store/store.ts'
import { type Legacy, startLegacy } from '../credentials/rotation/legacy.ts'
import { recipeAt } from '../credentials/rotation/recipe-example.ts'
import { startHolder } from '../fakes/holder.ts'
import { type People, personId, startPeople } from '../fakes/people.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { succeed } from '../fakes/world.ts'

const FIRST = 'first-key-of-the-account'

describe('a sealed credential that its recipe rotates', () => {
  let stint: Installation
  let legacy: Legacy
  let people: People
  const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => stint.home).call(...asked)
  const run = (...args: readonly string[]) => succeed(stint.cli(args))
  const runJson = async (...args: readonly string[]) => JSON.parse((await run('--json', ...args)).stdout)
  const doctor = async (): Promise<string> => (await stint.cli(['doctor'])).stdout
  const allSay = async ({ approvalId }: Opening): Promise<void> => {
    for (const name of ['bea', 'cem']) {
      const { status, json } = await people.as(name, 'POST', `/v1/approvals/${approvalId}/grant`, {})
      assert.equal(status, 200, JSON.stringify(json))
    }
  }
  const until = async (id: string, state: Opening['state']): Promise<Opening> => {
    for (;;) {
      const one = await call<Opening>('GET', `/v1/openings/${id}`)
      if (one.state === state) return one
      assert.ok(['asked', 'opening', 'open'].includes(one.state), `${one.state}: ${one.why}`)
    }
  }
  const rotations = async () => (await call<Page<RotationListing>>('GET', '/v1/credentials/legacy-key/rotations')).items
  /** The next look at the newest rotation once it is over. */
  const rotated = async (startedBy: string): Promise<RotationListing> => {
    for (;;) {
      const [newest] = await rotations()
      if (newest?.startedBy === startedBy && ['dead', 'undone'].includes(newest.state)) return newest
    }
  }

  /** What waits to be asked of more people. */
  const escalations = async () => {
    const store = await openStore(placesIn(stint.home).database)
    const rows = await store.db.selectFrom('approval_deliveries').selectAll().where('webhook', 'like', 'role:%').execute()
    await store.close()
    return rows
  }

  before(async () => {
    legacy = await startLegacy(FIRST)
    stint = await startStint({
      STINT_APPROVERS: JSON.stringify({ oncall: ['bea', 'cem', 'dot'].map(personId) }),
      STINT_APPROVAL_ESCALATION: '{"minutes":1,"role":"oncall"}',
    })
    people = await startPeople(stint, call, ['bea', 'cem', 'dot'])
    await succeed(stint.cli(['credential', 'add', 'legacy-key'], FIRST))
    const at = ['--host', legacy.origin, '--private-network', '127.0.0.1/32', '--environment', 'development']
    await run('target', 'add', 'legacy', ...at, '--credential', 'legacy-key')
  })
  after(async () => {
    people?.close()
    await stint?.stop()
    await legacy?.close()
  })

  test('is not sealed without a recipe, unless somebody says that a person does it', async () => {
    const terms = ['--target', 'legacy', '--open-by', '2 of role:oncall', '--for', '10m', '--in-vault']
    const { code, stderr } = await stint.cli(['credential', 'seal', 'legacy-key', ...terms])
    assert.notEqual(code, 0)
    assert.match(stderr, /no recipe rotates legacy-key/)
    const recipe = join(stint.home, '..', 'recipe.yaml')
    writeFileSync(recipe, stringify(recipeAt(legacy.origin, { graceSeconds: 0, propagationSeconds: 0 })))
    await run('credential', 'recipe', 'legacy-key', '--file', recipe)
    await run('credential', 'seal', 'legacy-key', ...terms)
    assert.match((await run('break-glass', 'list')).stdout, /legacy-key .*never opened .*never/)
    assert.match(await doctor(), /no drill of legacy-key went well in 90 days/)
  })

  test('a drill asks the people, tries everything, opens nothing, and doctor is content', async () => {
    const asked: Opening = await runJson('break-glass', 'drill', 'legacy-key')
    const used = legacy.calls.length
    assert.deepEqual(await escalations(), [], 'who opens it is never widened')
    await allSay(asked)
    const { drill, openedAt } = await until(asked.id, 'drilled')
    assert.equal(openedAt, undefined)
    assert.deepEqual(
      drill?.steps?.map(({ step, ok }) => [step, ok]),
      [
        ['ask people', true],
        ['open the vault', true],
        ['reach the target', true],
        ['use the value', true],
      ],
    )
    assert.deepEqual(legacy.calls.slice(used), ['probe'])
    assert.doesNotMatch(await doctor(), /no drill/)
    const shown = (await run('break-glass', 'show', asked.id)).stdout
    assert.match(shown, /well +use the value: the target takes it/)
    assert.doesNotMatch(JSON.stringify(drill), new RegExp(FIRST))
    assert.deepEqual(await rotations(), [])
  })

  test('a drill that finds the value dead says so, and doctor reminds', async () => {
    legacy.fault = (_, made) => (made === 'probe' ? 401 : undefined)
    const asked: Opening = await runJson('break-glass', 'drill', 'legacy-key')
    await allSay(asked)
    await until(asked.id, 'drilled')
    legacy.fault = undefined
    assert.match((await run('break-glass', 'show', asked.id)).stdout, /FAILED +use the value: the target refuses/)
    assert.match(await doctor(), /no drill of legacy-key went well/)
    const { items } = await call<Page<{ details: { drill: string } }>>('GET', '/v1/audit/entries?action=stint:Opening::drilled')
    assert.deepEqual(items.map(({ details }) => details.drill.slice(0, 13)).sort(), ['all is well', 'use the value'])
  })

  test('one that rotates leaves another value, of which the next opening makes use', async () => {
    const asked: Opening = await runJson('break-glass', 'drill', 'legacy-key', '--rotate')
    await allSay(asked)
    const { drill } = await until(asked.id, 'drilled')
    assert.match(drill?.steps?.at(-1)?.detail ?? '', /^rotation_\w+ has begun$/)
    assert.equal((await rotated('drill')).state, 'dead')
  })

  test('after an opening the recipe gives it a new value by itself; then, with a review, it can be asked for again', async () => {
    const holder = await startHolder(stint, { targets: ['legacy'], actions: ['*'] })
    const open = ['break-glass', 'open', 'legacy-key', '--task', holder.task.id, '--reason', 'it burns']
    const asked: Opening = await runJson(...open)
    await allSay(asked)
    await until(asked.id, 'open')
    assert.doesNotMatch(await holder.ask(`${legacy.origin}/whatever`), /"code":"\w+"/)
    assert.deepEqual(legacy.refused, [])
    await run('break-glass', 'close', asked.id, '--reason', 'it is out')
    assert.match((await holder.ask(`${legacy.origin}/whatever`)).replaceAll('\n', ' '), /"code":"sealed"/)
    assert.match(await doctor(), /legacy-key waits for a review/)
    const { state, startedBy } = await rotated('break-glass')
    assert.deepEqual([state, startedBy], ['dead', 'break-glass'])
    assert.equal((await call<Opening>('GET', `/v1/openings/${asked.id}`)).renewal, 'begun')
    assert.match((await stint.cli(open)).stderr, /has no review/)
    await people.as('dot', 'POST', `/v1/openings/${asked.id}/review`, { note: 'fine' })
    assert.equal((await runJson(...open)).state, 'asked')
  })
})
