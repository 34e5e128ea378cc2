import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Command } from 'commander'
import type { Kept } from '../../src/approvals/approval.ts'
import { createProgram } from '../../src/cli/program.ts'
import type { LeaseRecord } from '../../src/credentials/lease-record.ts'
import { openLedger } from '../../src/credentials/ledger.ts'
import { insertFinding } from '../../src/detections/finding-rows.ts'
import { placesIn } from '../../src/home.ts'
import { openStore } from '../../src/store/store.ts'
import { MINTED } from '../credentials/leases-rig.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { runCli } from './run-cli.ts'

/** Every command that lists, as its words: those called so, and whatever takes a cursor. */
function listCommands(command: Command, words: readonly string[] = []): string[][] {
  const isList = ['list', 'presets'].includes(command.name()) || command.options.some(({ long }) => long === '--cursor')
  return [...(isList ? [[...words]] : []), ...command.commands.flatMap((one) => listCommands(one, [...words, one.name()]))]
}

const nowhere = { write: () => true }
const LISTS = listCommands(createProgram({}, { out: nowhere, err: nowhere }).program)
/** What they show comes with Stint, and is never more than a page. */
const WHOLE = ['target presets']

describe('every command that lists', () => {
  let stint: Installation
  const run = (...argv: string[]) => runCli(stint.home, ...argv)
  async function page(...argv: string[]): Promise<{ items: unknown[]; next?: string }> {
    const { code, out, err } = await run('--json', ...argv)
    assert.equal(code, 0, err)
    const value = JSON.parse(out)
    assert.ok(Array.isArray(value.items), `${argv.join(' ')}: ${out.slice(0, 100)}`)
    assert.deepEqual(
      Object.keys(value).filter((key) => key !== 'items' && key !== 'next'),
      [],
    )
    return value
  }

  before(async () => {
    stint = await startStint()
    for (const name of ['one', 'two', 'three']) {
      const rights = ['--claim', 'sub=x', '--workload', `spiffe://stint.local/${name}`, '--owner', 'ana', '--target', name]
      const commands = [
        ['target', 'add', name, '--host', `${name}.test`, '--no-credential'],
        ['tunnel', 'add', `${name}.test:8443`],
        ['credential', 'add', name, '--from-file', join(stint.home, 'ca.pem')],
        ['issuer', 'add', name, '--issuer', `https://${name}.test`, '--audience', 'x', ...rights, '--action', '*'],
        ['task', 'start', '--task', name, '--target', name, '--key', join(stint.home, 'key.json')],
        ['revoke', '--target', `not-${name}`, '--reason', name],
      ]
      for (const argv of commands) {
        const { code, err } = await run(...argv)
        assert.equal(code, 0, err)
      }
    }
  })
  before(() => keepOldState(placesIn(stint.home).database))
  after(() => stint.stop())

  test('is known here', () => {
    const known = [
      'approvals list',
      'audit search',
      'break-glass list',
      'break-glass openings',
      'credential list',
      'finding list',
      'issuer list',
      'lease list',
      'revoke list',
      'target list',
      'target presets',
    ]
    assert.deepEqual(LISTS.map((words) => words.join(' ')).sort(), [...known, 'task list', 'tunnel list'])
  })

  for (const words of LISTS) {
    const name = words.join(' ')
    test(`${name} --json prints one page`, async () => {
      assert.ok((await page(...words)).items.length >= 3)
    })

    if (WHOLE.includes(name)) continue
    test(`${name} goes on where its page ended, until all was shown`, async () => {
      const { items: all, next: none } = await page(...words, ...(name === 'audit search' ? ['--until', '2100-01-01'] : []))
      assert.equal(none, undefined)
      const seen: unknown[] = []
      for (let cursor: string | undefined, pages = 0; pages === 0 || cursor !== undefined; pages += 1) {
        const { items, next } = await page(...words, '--limit', '1', ...(cursor === undefined ? [] : ['--cursor', cursor]))
        assert.ok(items.length <= 1 && pages <= all.length)
        seen.push(...items)
        cursor = next
      }
      assert.deepEqual(seen, all)
      const { out } = await run(...words, '--limit', '1')
      assert.match(out, /\n\nMore with --cursor \S+\n$/)
      assert.doesNotMatch((await run(...words)).out, /More with/)
    })

    test(`${name} refuses a limit and a cursor that are none`, async () => {
      for (const [option, value] of [
        ['--limit', '0'],
        ['--limit', 'x'],
        ['--cursor', '%'],
        ['--cursor', '\u0000'],
      ] as const)
        assert.equal((await run(...words, option, value)).code, 2, `${option} ${value}`)
    })
  }
})

/** As an earlier life of the installation left them. */
async function keepOldState(path: string): Promise<void> {
  const store = await openStore(path)
  const ledger = await openLedger(store, 'local')
  for (const id of ['a', 'b', 'c']) {
    const about = {
      kind: 'denied-burst',
      taskId: `task_${id}`,
      rootId: `task_${id}`,
      detail: 'it was refused',
      at: 1,
      revoked: false,
    } as const
    await insertFinding(store, { id: `finding_${id.repeat(32)}`, ...about })
  }
  for (const id of ['a', 'b', 'c']) {
    const shown = { taskId: 'task_1', purpose: 'p', owner: 'ana', callerId: 'spiffe://stint.local/one', targetId: 'one' }
    const asked = { action: 'http:POST', access: 'write', resource: '/', parameters: {}, risk: 0, riskReasons: [] } as const
    const kept: Kept = { ...shown, ...asked, policies: [], reasons: [], taskExpiresAt: 2, approver: 'owner', answers: [] }
    const row = { id: `approval_${id.repeat(30)}`, binding: id.repeat(64), task_id: 'task_1', state: 'denied', uses_left: 0 }
    const approval = { ...row, created_at: 1, expires_at: 2, record_json: JSON.stringify(kept) }
    await store.db.insertInto('approvals').values(approval).execute()
  }
  for (const id of ['a', 'b', 'c']) {
    const seal = { credentialId: `sealed-${id}`, targetId: 'one', targetDigest: '', openBy: 'role:oncall', seconds: 60 }
    const sealed = JSON.stringify({ ...seal, sealedBy: 'ana', sealedAt: 1 })
    await store.db.insertInto('seals').values({ credential_id: seal.credentialId, record_json: sealed }).execute()
    const about = { credentialId: seal.credentialId, targetId: 'one', taskId: 'task_1', workload: 'w', owner: 'ana' }
    const asked = { requestedBy: 'ana', reason: 'r', openBy: 'role:oncall', seconds: 60, createdAt: 1 }
    const opening = JSON.stringify({ ...about, ...asked, endedAt: 2, why: 'nobody said yes' })
    const row = { id: `opening_${id.repeat(30)}`, credential_id: seal.credentialId, state: 'lapsed', unsettled: 0, created_at: 1 }
    await store.db
      .insertInto('openings')
      .values({ ...row, record_json: opening })
      .execute()
  }
  for (const id of ['a', 'b', 'c']) {
    const record: LeaseRecord = {
      ...{
        id: `lease_abcdef${id.repeat(16)}`,
        state: 'dead',
        keeper: 'local',
        taskId: 'task_1',
        owner: 'ana',
        callerId: 'spiffe://stint.local/one',
      },
      ...{ target: MINTED, grant: { key: id, reach: [`reads ${id}`], terms: {} }, coveredBy: [], handle: {} },
      ...{ requestedAt: 1, expiresAt: 2, deadAt: 3, attempts: 0, sightings: [] },
    }
    await ledger.save({ record, sealed: undefined })
  }
  await store.close()
}
