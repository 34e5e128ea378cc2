import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { exitCodeOf } from '../../src/cli/failure.ts'
import { StintError } from '../../src/errors.ts'
import { createFake, type Fake, type Running, runApi, task } from '../api/fixture.ts'
import { runCli } from './run-cli.ts'

describe('stint, without a server', () => {
  const home = mkdtempSync(join(tmpdir(), 'stint-cli-'))
  after(() => rmSync(home, { recursive: true, force: true }))

  test('says that it is not running, and what to do, and ends with 3', async () => {
    const { code, out, err } = await runCli(home, 'status')
    assert.deepEqual([code, out], [3, ''])
    assert.match(err, /^stint: Stint is not running on this data directory\nnext: Start it with `stint start`/)
  })

  test('says the same to programs as one JSON line under --json', async () => {
    const { code, err } = await runCli(home, 'status', '--json')
    assert.equal(code, 3)
    const { code: stable, exit, next } = JSON.parse(err)
    assert.deepEqual([stable, exit], ['not_running', 3])
    assert.ok(next.length > 0)
  })

  test('ends with 2 for a command line that is not valid, in two lines', async () => {
    const wrong = [
      ['tsk'],
      ['status', '--wat'],
      ['task', 'show'],
      ['task', 'list', '--state', 'odd'],
      ['revoke'],
      ['completion', 'tcsh'],
    ]
    for (const argv of wrong) {
      const { code, err } = await runCli(home, ...argv)
      assert.equal(code, 2, argv.join(' '))
      assert.match(err, /^stint: [^\n]+\nnext: [^\n]+\n$/, argv.join(' '))
    }
  })

  test('shows help and the version with 0, and help for every command', async () => {
    assert.equal((await runCli(home, '--version')).code, 0)
    const { code, out } = await runCli(home, '--help')
    assert.equal(code, 0)
    for (const [, name] of out.matchAll(/^ {2}([a-z]+) /gm)) {
      if (name === undefined || name === 'help') continue
      const help = await runCli(home, name, '--help')
      assert.deepEqual([help.code, help.out.startsWith(`Usage: stint ${name}`)], [0, true], name)
    }
  })

  test('needs one selector and a reason to revoke, before it asks anyone', async () => {
    for (const argv of [
      ['--all'],
      ['--reason', 'x'],
      ['--all', '--task', 'a', '--reason', 'x'],
      ['--task', 'a', '--reason', ''],
    ]) {
      assert.equal((await runCli(home, 'revoke', ...argv)).code, 2, argv.join(' '))
    }
  })

  test('takes --home before STINT_HOME', async () => {
    const { err } = await runCli('/nowhere', '--home', home, 'doctor')
    assert.equal(err, '')
    const { out } = await runCli('/nowhere', '--home', home, 'doctor', '--json')
    const row = JSON.parse(out).checks.find((one: { what: string }) => one.what === 'data directory')
    assert.equal(row.found, home)
  })
})

describe('stint, with a server', () => {
  let fake: Fake
  let api: Running
  before(async () => {
    fake = createFake()
    api = await runApi(fake.verbs)
  })
  after(() => api.stop())
  const stint = (...argv: string[]) => runCli(api.home, ...argv)

  test('lists, shows and ends tasks, for people and as JSON', async () => {
    assert.match((await stint('task', 'list')).out, /^TASK +STATE .*\ntask_1 +live /)
    assert.deepEqual(JSON.parse((await stint('task', 'list', '--json')).out).items[0].id, 'task_1')
    assert.match((await stint('task', 'show', 'task_1')).out, /purpose +read/)
    assert.match((await stint('task', 'end', 'task_1', '--reason', 'enough')).out, /task_1 is ended/)
    assert.equal(fake.tasks.get('task_1')?.endReason, 'enough')
  })

  test('starts a task for a key of the caller’s own, made once and private', async () => {
    const key = join(api.home, 'key.json')
    const start = () => stint('task', 'start', '--task', 'sync', '--target', 'orders', '--ttl', '5m', '--key', key, '--json')
    const [first, second] = [JSON.parse((await start()).out), JSON.parse((await start()).out)]
    assert.equal(statSync(key).mode & 0o777, 0o600)
    assert.match(first.task.keyThumbprint, /^[\w-]{43}$/)
    assert.equal(first.task.keyThumbprint, second.task.keyThumbprint)
    assert.ok(!JSON.stringify(first).includes(JSON.parse(readFileSync(key, 'utf8')).d))
  })

  test('refuses a key file that holds something else, without showing it', async () => {
    const key = join(api.home, 'not-a-key')
    writeFileSync(key, 'hunter2')
    const { code, err } = await stint('task', 'start', '--task', 'x', '--target', 'orders', '--key', key)
    assert.equal(code, 2)
    assert.ok(!err.includes('hunter2'))
    assert.equal(readFileSync(key, 'utf8'), 'hunter2')
  })

  test('revokes, lists what was revoked, and lifts it', async () => {
    const { out } = await stint('revoke', '--task', 'task_1', '--reason', 'astray')
    assert.match(out, /revocation +1: task task_1\n/)
    assert.match((await stint('revoke', 'list')).out, /1 +in force +task task_1/)
    assert.match((await stint('revoke', 'lift', '1', '--reason', 'over')).out, /Revocation 1 .* is lifted/)
    assert.equal((await stint('revoke', 'lift', '1')).code, 2)
    assert.equal((await stint('revoke', 'lift', '../tasks', '--reason', 'x')).code, 2)
  })

  test('a name cannot lead a call to another route', async () => {
    fake.happened.length = 0
    assert.equal((await stint('task', 'end', '../revocations')).code, 2)
    assert.deepEqual(fake.happened, ['authenticate'])
  })

  test('passes on what the server answers: the code decides the exit, the reasons are shown', async () => {
    assert.equal((await stint('task', 'show', 'task_9')).code, 1)
    fake.refuse = { code: 'denied', reasons: ['not on Sundays', 'ask alice'] }
    const { code, err } = await stint('status')
    delete fake.refuse
    assert.equal(code, 4)
    assert.match(err, /not on Sundays; ask alice/)
  })

  test('lets nothing from outside write into the terminal', async () => {
    fake.tasks.set('task_x', { ...task('task_x'), purpose: 'a\u001b[2Jb\u202ec\rd' })
    const { out } = await stint('task', 'show', 'task_x')
    fake.tasks.delete('task_x')
    assert.match(out, /a\\u\{1b\}\[2Jb\\u\{202e\}c\\u\{d\}d/)
  })

  test('--json works on every command that answers, before or after it', async () => {
    for (const argv of [['status'], ['task', 'list'], ['revoke', 'list'], ['doctor']]) {
      const [before, after] = [await stint('--json', ...argv), await stint(...argv, '--json')]
      for (const { out } of [before, after]) assert.equal(typeof JSON.parse(out), 'object', argv.join(' '))
    }
  })
})

describe('the client', () => {
  test('survives a server that answers nonsense', async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'stint-cli-'))
    let answer: { status: number; type: string; body: string } = { status: 500, type: 'text/html', body: '<h1>no</h1>' }
    const server = createServer((_request, response) =>
      response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body),
    )
    await new Promise<void>((done) => server.listen(join(home, 'operator.sock'), done))
    t.after(() => {
      server.close()
      rmSync(home, { recursive: true, force: true })
    })
    assert.equal((await runCli(home, 'status')).code, 1)
    answer = { status: 403, type: 'application/problem+json', body: '{"code":"made_up","detail":"x"}' }
    assert.equal((await runCli(home, 'status')).code, 1)
    answer = { status: 403, type: 'application/problem+json', body: '{"code":"toString"}' }
    assert.equal((await runCli(home, 'status')).code, 1)
    answer = { status: 200, type: 'application/json', body: '{' }
    assert.equal((await runCli(home, 'status')).code, 1)
  })

  test('reads a stream item by item until it ends or is aborted, and throws the problem that ends it', async (t) => {
    const fake = createFake()
    let last: Error | undefined
    async function* tail(_filter: object, signal: AbortSignal) {
      yield { index: 1 }
      yield { index: 2 }
      if (last !== undefined) throw last
      await new Promise((done) => signal.addEventListener('abort', done))
    }
    const api = await runApi({ ...fake.verbs, audit: { ...fake.verbs.audit, tail } }, { heartbeatMs: 5 })
    t.after(() => api.stop())
    const { stream } = createClient(() => api.home)
    const seen: unknown[] = []
    const stop = new AbortController()
    for await (const item of stream('/v1/audit/tail', stop.signal)) if (seen.push(item) === 2) setTimeout(() => stop.abort(), 20)
    assert.deepEqual(seen, [{ index: 1 }, { index: 2 }])
    last = new StintError('audit_unavailable', 'the disk is gone')
    await assert.rejects(Array.fromAsync(stream('/v1/audit/tail')), { code: 'audit_unavailable', detail: 'the disk is gone' })
    await assert.rejects(Array.fromAsync(stream('/v1/audit/tail?from=x')), { code: 'invalid_argument' })
    await assert.rejects(Array.fromAsync(createClient(() => '/nowhere').stream('/v1/audit/tail')), { code: 'not_running' })
  })

  test('maps codes to exits: denied is 4, usage is 2, not running is 3, the rest 1', () => {
    assert.deepEqual(
      (['denied', 'inside_task', 'invalid_token', 'invalid_argument', 'not_running', 'conflict', 'internal'] as const).map(
        exitCodeOf,
      ),
      [4, 4, 4, 2, 3, 1, 1],
    )
  })
})
