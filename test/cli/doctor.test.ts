import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { installStarter } from '../../src/policy/starter.ts'
import { createFake, runApi, TARGET } from '../api/fixture.ts'
import { runCli } from './run-cli.ts'

interface Row {
  readonly what: string
  readonly state: string
  readonly found: string
  readonly mend?: string
}

function newHome(t: TestContext): string {
  const home = mkdtempSync(join(tmpdir(), 'stint-doctor-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  return home
}

async function examine(home: string, ...more: string[]): Promise<{ code: number; rows: ReadonlyMap<string, Row> }> {
  const { code, out } = await runCli(home, 'doctor', '--json', ...more)
  const { checks, ok } = JSON.parse(out) as { checks: Row[]; ok: boolean }
  assert.equal(ok, code === 0)
  for (const row of checks) if (row.state !== 'ok') assert.ok(row.mend, row.what)
  return { code, rows: new Map(checks.map((row) => [row.what, row])) }
}

describe('stint doctor', () => {
  test('finds a data directory and files in it that others can read', async (t) => {
    const home = newHome(t)
    writeFileSync(join(home, 'vault.key'), 'x')
    chmodSync(join(home, 'vault.key'), 0o644)
    chmodSync(home, 0o755)
    const { code, rows } = await examine(home)
    assert.equal(code, 1)
    assert.match(rows.get('data directory')?.mend ?? '', /chmod 700/)
    assert.match(rows.get('files in it')?.found ?? '', /vault\.key/)
  })

  test('finds a setting nobody knows', async (t) => {
    const home = newHome(t)
    writeFileSync(join(home, 'config.yaml'), 'apiprot: 7400\n', { mode: 0o600 })
    const { rows } = await examine(home)
    assert.match(rows.get('settings')?.found ?? '', /apiprot/)
    writeFileSync(join(home, 'config.yaml'), 'a: [', { mode: 0o600 })
    assert.equal((await examine(home)).rows.get('settings')?.state, 'fail')
  })

  test('warns of starter policies that an upgrade changed, until the operator has seen them', async (t) => {
    const home = newHome(t)
    const row = async (): Promise<Row | undefined> => (await examine(home)).rows.get('starter policies')
    assert.equal((await row())?.found, 'not copied yet')
    await installStarter(join(home, 'policies'))
    assert.equal((await row())?.state, 'ok')
    writeFileSync(join(home, 'policies', 'starter.sha256'), '')
    writeFileSync(join(home, 'policies', 'read.cedar'), '// older')
    const found = await row()
    assert.deepEqual([found?.state, found?.mend], ['warn', 'see how: stint policy starter'])
    assert.match(found?.found ?? '', /^read\.cedar:/)
    const told = await runCli(home, 'policy', 'starter')
    assert.match(told.out, /^read\.cedar +your own, and the new one differs/m)
    assert.ok(told.out.includes(join(home, 'policies')))
    assert.match((await runCli(home, 'policy', 'starter', '--seen')).out, /^Nothing changed/)
    assert.equal((await row())?.state, 'ok')
  })

  test('finds a port that another program has', async (t) => {
    const home = newHome(t)
    const taken = createServer()
    const port = await new Promise<number>((done) =>
      taken.listen(0, '127.0.0.1', () => done((taken.address() as { port: number }).port)),
    )
    t.after(() => taken.close())
    writeFileSync(join(home, 'config.yaml'), `apiPort: ${port}\ngatewayPort: 0\n`, { mode: 0o600 })
    const { rows } = await examine(home)
    assert.match(rows.get('ports')?.found ?? '', new RegExp(`${port} is taken`))
  })

  test('finds an unreadable CA file, and one that is no certificate', async (t) => {
    const home = newHome(t)
    writeFileSync(join(home, 'ca.pem'), 'not a certificate')
    assert.equal((await examine(home)).rows.get('CA certificate')?.state, 'fail')
    rmSync(join(home, 'ca.pem'))
    mkdirSync(join(home, 'ca.pem'))
    assert.equal((await examine(home)).rows.get('CA certificate')?.state, 'fail')
  })

  test('warns of standing credentials without reading them', async (t) => {
    const home = newHome(t)
    mkdirSync(join(home, '.aws'))
    writeFileSync(join(home, '.aws', 'credentials'), 'hunter2')
    const { rows } = await examine(home)
    const before = process.env.HOME
    t.after(() => (process.env.HOME = before))
    process.env.HOME = home
    const row = (await examine(home)).rows.get('standing credentials')
    assert.equal(row?.state, 'warn')
    assert.match(row?.found ?? '', /\.aws/)
    assert.ok(!JSON.stringify([...rows]).includes('hunter2'))
  })

  test('asks a running server: policies refused, a target without its credential, a log that cannot be written', async (t) => {
    const fake = createFake()
    const { verbs } = fake
    const bare = {
      ...TARGET,
      placement: { kind: 'header' as const, name: 'authorization', prefix: 'Bearer ' },
      credentialId: 'orders',
    }
    const minting = { ...TARGET, id: 'shop', credentialId: 'shop-roles' }
    const refused = { ...verbs.policy.status(), refused: 'x.cedar:3 unexpected token' }
    const status = { ...(await verbs.status()), audit: { entries: 1, writable: false } }
    const api = await runApi({
      ...verbs,
      targets: { ...verbs.targets, list: () => [bare, minting] },
      policy: { ...verbs.policy, status: () => refused },
      status: async () => status,
    })
    t.after(() => api.stop())
    const { code, rows } = await examine(api.home)
    assert.equal(code, 1)
    assert.match(rows.get('policies')?.found ?? '', /x\.cedar:3/)
    assert.match(rows.get('targets')?.mend ?? '', /stint credential add orders/)
    assert.match(rows.get('targets')?.found ?? '', /orders, shop/)
    assert.equal(rows.get('audit log')?.state, 'fail')
    assert.equal(rows.get('server')?.state, 'ok')
    for (const id of ['orders', 'shop-roles']) fake.secrets.set(id, undefined as never)
    assert.equal((await examine(api.home)).rows.get('targets')?.state, 'ok')
  })

  test('warns of targets whose credentials programs may be handed', async (t) => {
    const { verbs } = createFake()
    const api = await runApi({
      ...verbs,
      targets: { ...verbs.targets, list: () => [TARGET, { ...TARGET, id: 'shop', handsOut: true }] },
    })
    t.after(() => api.stop())
    const row = (await examine(api.home)).rows.get('targets')
    assert.deepEqual([row?.state, /^shop hand out/.test(row?.found ?? '')], ['warn', true])
  })

  test('does not believe a checkpoint that its key did not sign', async (t) => {
    const api = await runApi(createFake().verbs)
    t.after(() => api.stop())
    assert.equal((await examine(api.home)).rows.get('audit log')?.state, 'fail')
  })

  test('--target says at which step a target cannot be reached', async (t) => {
    const fake = createFake()
    const probe = async () => [
      { step: 'resolve a.example', ok: true, detail: '' },
      { step: 'TLS', ok: false, detail: 'unknown CA' },
    ]
    const api = await runApi({ ...fake.verbs, targets: { ...fake.verbs.targets, probe } })
    t.after(() => api.stop())
    const { code, rows } = await examine(api.home, '--target', 'orders')
    assert.equal(code, 1)
    assert.deepEqual([...rows.keys()], ['target orders'])
    assert.equal(rows.get('target orders')?.found, 'TLS: unknown CA')
  })
})
