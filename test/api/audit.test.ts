import assert from 'node:assert/strict'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { describeRoutes } from '../../src/api/openapi.ts'
import { ROUTES } from '../../src/api/routes.ts'
import { FIELDS } from '../../src/audit/entry.ts'
import { LATEST } from '../../src/audit/search.ts'
import { TERM_FIELDS } from '../../src/audit/summary.ts'
import { createClient } from '../../src/cli/client.ts'
import { createProgram } from '../../src/cli/program.ts'
import { runCli } from '../cli/run-cli.ts'
import { type Installation, startStint } from '../fakes/stint.ts'

const FILTERS = [...TERM_FIELDS, 'since', 'until', 'text'].sort()

interface Parameter {
  readonly name: string
  readonly schema: { readonly enum?: readonly string[]; readonly maximum?: number }
}

function parametersOf(path: string): readonly Parameter[] {
  const { paths } = describeRoutes(ROUTES, '0', 'http://127.0.0.1:7400') as {
    paths: Record<string, { get: { parameters: Parameter[] } }>
  }
  return paths[path]?.get.parameters ?? []
}

describe('the filters of the audit log', () => {
  test('are the same in the log, the API, its description and the command line', () => {
    const nowhere = { write: () => true }
    const { program } = createProgram({}, { out: nowhere, err: nowhere })
    const audit = program.commands.find((one) => one.name() === 'audit')
    const own: Record<string, readonly string[]> = { search: ['limit', 'cursor'], tail: ['lines'] }
    for (const [name, others] of Object.entries(own)) {
      const options = audit?.commands.find((one) => one.name() === name)?.options.map((one) => one.attributeName()) ?? []
      assert.deepEqual(options.filter((one) => !others.includes(one)).sort(), FILTERS, name)
    }
    const taken: Record<string, readonly string[]> = { entries: ['limit', 'cursor'], tail: ['from'] }
    for (const [path, others] of Object.entries(taken)) {
      const names = parametersOf(`/v1/audit/${path}`).map((one) => one.name)
      assert.deepEqual(names.filter((one) => !others.includes(one)).sort(), FILTERS, path)
    }
  })

  test('take the words that entries can have, and the times they can have', () => {
    const schemas = Object.fromEntries(parametersOf('/v1/audit/entries').map(({ name, schema }) => [name, schema]))
    assert.deepEqual([...(schemas.kind?.enum ?? [])].sort(), Object.keys(FIELDS).sort())
    assert.deepEqual(schemas.effect?.enum, FIELDS.decision.effect.of)
    assert.deepEqual([schemas.since?.maximum, schemas.until?.maximum], [LATEST, LATEST])
  })
})

interface Entry {
  readonly index: number
  readonly [field: string]: unknown
}

describe('stint audit, over the real API', () => {
  let stint: Installation
  let all: readonly Entry[]
  const get = (query: Record<string, string>) =>
    createClient(() => stint.home).call<{ items: Entry[] }>('GET', `/v1/audit/entries?${new URLSearchParams(query)}`)
  const indexes = (entries: readonly Entry[]) => entries.map(({ index }) => index)

  /** What `stint audit search` and the API answer to the same filters. */
  async function found(filters: Record<string, string>): Promise<readonly number[]> {
    const { items } = await get({ ...filters, limit: '500' })
    const options = Object.entries(filters).flatMap(([name, value]) => [
      `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      name === 'since' || name === 'until' ? new Date(Number(value)).toISOString() : value,
    ])
    const { code, out, err } = await runCli(stint.home, 'audit', 'search', '--json', '--limit', '500', ...options)
    assert.equal(code, 0, err)
    assert.deepEqual(indexes(JSON.parse(out).items), indexes(items), JSON.stringify(filters))
    return indexes(items)
  }

  before(async () => {
    stint = await startStint()
    for (const name of ['alpha', 'beta']) await stint.cli(['target', 'add', name, '--host', `${name}.example`, '--no-credential'])
    for (const name of ['alpha', 'beta']) {
      const options = ['--task', `say "hi" (to [${name}*`, '--target', name, '--owner', `owner-${name}`, '--ttl', '5m']
      const { stdout } = await stint.cli(['task', 'start', '--json', ...options, '--key', join(stint.home, 'key.json')])
      await stint.cli(['task', 'end', JSON.parse(stdout).task.id, '--reason', 'C:\\path of Ünïcode'])
    }
    const { items } = await get({ limit: '500' })
    all = items
    assert.ok(all.length > 8)
  })
  after(() => stint.stop())

  for (const field of TERM_FIELDS) {
    test(`--${field} finds the entries that have it, and no other`, async () => {
      const values = [...new Set(all.map((entry) => entry[field]).filter((one) => typeof one === 'string'))]
      if (!['target', 'effect'].includes(field)) assert.ok(values.length > 0, 'no entry has one')
      for (const value of values.slice(0, 3)) {
        assert.deepEqual(await found({ [field]: value }), indexes(all.filter((entry) => entry[field] === value)))
      }
      const other = field === 'kind' ? 'attempt' : field === 'effect' ? 'needs-approval' : 'nothing has this'
      assert.deepEqual(await found({ [field]: other }), [])
    })
  }

  test('--text finds words anywhere in any case; what is special in JSON or in patterns stands for itself', async () => {
    for (const text of ['say "hi" (to [ALPHA*', 'c:\\PATH', 'ÜNÏCODE', '(to ['])
      assert.notDeepEqual(await found({ text }), [], text)
    for (const text of ['.*', '[a-z]+', '(?:', '%', '_say', '","code":"']) assert.deepEqual(await found({ text }), [], text)
  })

  test('--since and --until take the times they name with them', async () => {
    const at = Date.parse(String(all[3]?.at))
    const held = (keep: (time: number) => boolean) => indexes(all.filter((entry) => keep(Date.parse(String(entry.at)))))
    assert.deepEqual(
      await found({ since: String(at) }),
      held((time) => time >= at),
    )
    assert.deepEqual(
      await found({ until: String(at) }),
      held((time) => time <= at),
    )
    assert.deepEqual(await found({ since: '0', until: String(LATEST) }), indexes(all))
    assert.deepEqual(await found({ since: String(LATEST) }), [])
  })

  test('several filters must all hold', async () => {
    const wanted = all.filter((entry) => entry.owner === 'owner-beta' && entry.kind === 'act')
    assert.ok(wanted.length > 0)
    assert.deepEqual(await found({ owner: 'owner-beta', kind: 'act' }), indexes(wanted))
  })

  test('tail takes the same, and follows', async (t) => {
    const tail = stint.spawn(['audit', 'tail', '--json', '--kind', 'act', '--action', 'stint:Tunnel::add', '--text', 'TUNNELS'])
    t.after(() => tail.kill())
    const seen = new Promise<string>((done) => tail.stdout?.once('data', (chunk) => done(String(chunk))))
    let isSeen = false
    seen.then(() => (isSeen = true))
    for (let port = 1000; !isSeen; port++) await stint.cli(['tunnel', 'add', `tail.example:${port}`])
    const [line = ''] = (await seen).split('\n')
    assert.equal(JSON.parse(line).action, 'stint:Tunnel::add')
  })

  const HUGE = 'x'.repeat(8000)
  const refused: readonly Record<string, string>[] = [
    ...TERM_FIELDS.flatMap((field) => [{ [field]: '' }, { [field]: HUGE }, { [field]: 'a\u0000b' }, { [field]: 'a\nb' }]),
    ...['', HUGE, 'a\u001b[2Jb', 'a\u202eb', '\ud800'].map((text) => ({ text })),
    ...['-1', '1.5', '1e3', '0x10', 'NaN', String(LATEST + 1), String(Number.MAX_SAFE_INTEGER)].flatMap((time) => [
      { since: time },
      { until: time },
    ]),
    ...['0', '501', '-1', 'x'].map((limit) => ({ limit })),
    ...['', '-1', 'x', '1e3', '9'.repeat(400)].map((cursor) => ({ cursor })),
    { kind: 'decisions' },
    { effect: 'maybe' },
    { Task: 'task_1' },
    { __proto__: 'x', constructor: 'x' },
  ]

  test('hostile values are refused as invalid_argument, by search and by tail', async () => {
    for (const query of refused) {
      // `\ud800` is sent as U+FFFD, as every client must: a text like any other.
      if (query.text === '\ud800') assert.deepEqual((await get(query)).items, [])
      else await assert.rejects(get(query), { code: 'invalid_argument' }, JSON.stringify(query).slice(0, 80))
      if ('limit' in query || 'cursor' in query || query.text === '\ud800') continue
      const stream = createClient(() => stint.home).stream(`/v1/audit/tail?${new URLSearchParams(query)}`)
      await assert.rejects(Array.fromAsync(stream), { code: 'invalid_argument' }, JSON.stringify(query).slice(0, 80))
    }
  })

  test('a value given twice is refused, and one larger than a head may be is not read', async () => {
    const { call } = createClient(() => stint.home)
    await assert.rejects(call('GET', '/v1/audit/entries?task=a&task=b'), { code: 'invalid_argument' })
    await assert.rejects(call('GET', `/v1/audit/entries?text=${'x'.repeat(20_000)}`), { code: 'malformed_request' })
  })

  test('the longest value that an entry can have can be asked for', async () => {
    const longest = { caller: 512, owner: 256, task: 128, target: 128, action: 256, code: 128, correlationId: 128, text: 512 }
    for (const [field, length] of Object.entries(longest))
      assert.deepEqual((await get({ [field]: 'x'.repeat(length) })).items, [])
  })

  test('an entry that is not there is not_found, and what was changed is audit_tampered', async () => {
    const { call } = createClient(() => stint.home)
    await assert.rejects(call('GET', '/v1/audit/entries/999999'), { code: 'not_found' })
    const { code, stderr } = await stint.cli(['policy', 'explain', '999999', '--json'])
    assert.deepEqual([code, JSON.parse(stderr).code], [1, 'not_found'])
    truncateSync(join(stint.home, 'audit', 'public-key'), 10) // which a running log never writes again
    for (const offline of [['prove', '0'], ['export', join(stint.home, 'export')], ['verify']]) {
      const ran = await stint.cli(['audit', ...offline, '--json'])
      assert.deepEqual([ran.code, JSON.parse(ran.stderr).code], [1, 'audit_tampered'], offline.join(' '))
    }
  })
})
