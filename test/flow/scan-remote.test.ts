import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { alnum } from '../../src/scanner/sample.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, openWorld, succeed, type World } from '../fakes/world.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const token = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`

let world: World
let hub: Upstream
const directory = mkdtempSync(join(tmpdir(), 'stint-scan-remote-'))
before(async () => {
  world = await openWorld()
  hub = await startUpstream(directory, world.secret, answer)
  const to = ['--connector', 'github', '--environment', 'development', ...declared(hub)]
  await succeed(world.stint.cli(['target', 'add', 'hub', ...to]))
  commit(token(1))
})
after(async () => {
  await world.close()
  await hub.close()
  rmSync(directory, { recursive: true, force: true })
})

/** An organisation `git` with one repository, whose second issue and a comment hold secrets. */
function answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const html_url = 'https://hub.example/git/demo/issues/2'
  const user = { login: 'ada' }
  const lists: Readonly<Record<string, unknown>> = {
    '/api/v3/orgs/git/repos': [{ full_name: 'git/demo' }, { full_name: 'git/gone' }],
    '/api/v3/repos/git/demo/issues': [{ number: 2, html_url, user, title: 't', body: `it is ${token(2)}` }],
    '/api/v3/repos/git/demo/issues/comments': [{ html_url: `${html_url}#issuecomment-9`, user, body: `also ${token(1)}` }],
    '/api/v3/orgs/git/members': [],
  }
  const list = lists[url.replace(/\?.*/, '')]
  response.writeHead(list === undefined ? 404 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(list ?? {}))
}

/** Commits a file to the repository of the server. */
function commit(text: string): void {
  const clone = join(directory, 'clone')
  const git = (...args: readonly string[]): void =>
    void execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args])
  git('clone', '-q', join(directory, 'git', 'demo.git'), clone)
  mkdirSync(join(clone, 'src'))
  writeFileSync(join(clone, 'src', 'a.env'), text)
  git('-C', clone, 'add', '.')
  git('-C', clone, 'commit', '-q', '-m', 'one')
  git('-C', clone, 'push', '-q', 'origin', 'HEAD:refs/heads/topic')
}

describe('a scan of an organisation, under a task', () => {
  test('finds what lies in its repositories and in what was written there, and holds no credential', async () => {
    const key = join(world.workspace, 'scanner.key')
    writeFileSync(key, randomBytes(32).toString('base64'))
    const scanning = ['scan', 'github:git', '--server', `https://localhost:${hub.port}`, '--fingerprint-key', key, '--json']
    const { code, stdout, stderr } = await world.run(
      'hub',
      [process.execPath, join(ROOT, 'bin', 'stint.js'), ...scanning],
      ['--show', ROOT],
    )
    assert.equal(code, 1, stderr)
    assert.ok(!stdout.includes(world.secret) && !stderr.includes(world.secret))
    const { findings, skipped } = JSON.parse(stdout)
    const places = findings.map((one: { places: { path: string; where?: string; author?: string }[] }) =>
      one.places.map(({ path, where, author }) => `${path} ${where ?? author}`),
    )
    assert.deepEqual(places, [
      ['git/demo/comments/1.json git/demo#2, comment 9, ada', 'git/demo/src/a.env Ada'],
      ['git/demo/issues/1.json git/demo#2, ada'],
    ])
    const missing = skipped.map(({ what }: { what: string }) => what)
    assert.ok(missing.includes('git/gone') && missing.includes('git/gone/issues'), missing.join())
    const { items } = await world.call<{ items: { kind: string; action: string }[] }>(
      'GET',
      '/v1/audit/entries?limit=100&target=hub',
    )
    const actions = new Set(items.filter(({ kind }) => kind === 'decision').map(({ action }) => action))
    for (const action of ['git:fetch', 'github:Issue::list']) assert.ok(actions.has(action), [...actions].join())
  })
})
