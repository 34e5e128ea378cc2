import assert from 'node:assert/strict'
import { userInfo } from 'node:os'
import { after, before, describe, test } from 'node:test'
import type { Page } from '../../src/api/verbs.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import { openApprovals } from '../../src/approvals/approvals.ts'
import { createClient } from '../../src/cli/client.ts'
import { placesIn } from '../../src/home.ts'
import { openStore } from '../../src/store/store.ts'
import { question } from '../approvals/questions.ts'
import { type Installation, startStint } from '../fakes/stint.ts'

const ME = userInfo().username

describe('questions that ask the same', () => {
  let stint: Installation
  const ids = new Map<string, string>()
  const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => stint.home).call(...asked)
  const stateOf = async (name: string) => (await call<Approval>('GET', `/v1/approvals/${ids.get(name)}`)).state

  /** Asked while no Stint runs, one millisecond after another. */
  async function ask(names: readonly string[]): Promise<void> {
    let now = Date.now() - 1000
    const store = await openStore(placesIn(stint.home).database)
    const rules = { now: () => now++, roles: { security: ['ann', ME] }, seconds: 600, most: { times: 1, minutes: 1 } }
    const approvals = await openApprovals(store, rules)
    for (const name of names) {
      const own = question(name, { approver: 'role:security', taskExpiresAt: now + 600_000 })
      const purpose = name.startsWith('other') ? 'another purpose' : own.shown.purpose
      const standing = await approvals.consent({ ...own, shown: { ...own.shown, purpose } })
      assert.ok(standing.is === 'pending')
      ids.set(name, standing.approval.id)
    }
    await store.close()
  }
  before(async () => {
    stint = await startStint({ STINT_APPROVERS: JSON.stringify({ security: [ME] }) })
    stint.server.kill('SIGTERM')
    await new Promise((done) => stint.server.once('close', done))
    await ask(['one', 'two', 'other', 'three', 'later'])
    await stint.restart()
  })
  after(() => stint.stop())

  test('are named together in the list, by the newest of them', async () => {
    const { stdout } = await stint.cli(['approvals', 'list'])
    assert.match(stdout, new RegExp(`4 ask the same: stint approvals grant --all-like ${ids.get('later')}\n`))
    assert.doesNotMatch(stdout, new RegExp(`--all-like ${ids.get('other')}`))
  })

  test('are granted up to the one that is named: what came later still waits, and so does what asks something else', async () => {
    const { code, stdout, stderr } = await stint.cli(['approvals', 'grant', '--all-like', ids.get('three') ?? '', '--json'])
    assert.equal(code, 0, stderr)
    const { items } = JSON.parse(stdout) as Page<Approval>
    assert.deepEqual(
      items.map(({ id, state }) => [id, state]),
      ['three', 'two', 'one'].map((name) => [ids.get(name), 'granted']),
    )
    assert.deepEqual([await stateOf('later'), await stateOf('other')], ['pending', 'pending'])
  })

  test('are not granted by one that waits no more, nor without a name', async () => {
    for (const [args, why] of [
      [['--all-like', ids.get('three') ?? ''], /does not wait/],
      [[], /name the approvals/],
      [[ids.get('later') ?? '', '--all-like', ids.get('later') ?? ''], /name the approvals/],
    ] as const) {
      const { code, stderr } = await stint.cli(['approvals', 'grant', ...args])
      assert.notEqual(code, 0)
      assert.match(stderr, why)
    }
    assert.equal(await stateOf('later'), 'pending')
  })

  test('are granted by name, several at once', async () => {
    const named = [ids.get('later') ?? '', ids.get('other') ?? '']
    const { code, stderr } = await stint.cli(['approvals', 'grant', ...named])
    assert.equal(code, 0, stderr)
    assert.deepEqual([await stateOf('later'), await stateOf('other')], ['granted', 'granted'])
  })
})
