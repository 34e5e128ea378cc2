import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { PRESETS } from '../../src/identity/presets.ts'
import { type Finished, finish, type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { AUDIENCE, type FakeIssuer, goodClaims, type IssuerKey, newKey, RULE, sign, startIssuer } from './fake-issuer.ts'

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../docs/reference/federation.md'), 'utf8')
const SECRET = 'sk-upstream-0123456789abcdef'

test('docs/reference/federation.md shows every preset as it is', () => {
  for (const [name, { issuer, immutable, advice }] of Object.entries(PRESETS)) {
    const first = issuer.endsWith('*') ? 'its URL' : `\`${name}\``
    const row = `| ${first} | \`${issuer}\` | ${immutable.map((claim) => `\`${claim}\``).join(', ')} | ${advice} |`
    assert.ok(DOCUMENT.includes(row), row)
  }
})

describe('the job in docs/reference/federation.md, against a real Stint', () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-federation-'))
  const script = join(directory, 'stint-job.mjs')
  let stint: Installation
  let upstream: Upstream
  let issuer: FakeIssuer
  let key: IssuerKey
  let target = ''

  before(async () => {
    writeFileSync(script, /```js\n(.*?)```/s.exec(DOCUMENT)?.[1] ?? '')
    key = await newKey('k', 'ES256')
    ;[stint, upstream, issuer] = await Promise.all([startStint(), startUpstream(directory, SECRET), startIssuer([key])])
    target = `https://localhost:${upstream.port}`
    const network = ['--private-network', '127.0.0.0/8', '--private-network', '::1/128']
    await succeed([
      'target',
      'add',
      'api',
      '--host',
      target,
      '--environment',
      'development',
      ...network,
      '--ca-file',
      upstream.caFile,
    ])
    await succeed(['credential', 'add', 'api'], SECRET)
    const rule = [
      '--claim',
      'repository_id=1234',
      '--workload',
      RULE.workload,
      '--owner',
      RULE.owner,
      '--target',
      'api',
      '--action',
      'http:*',
    ]
    await succeed([
      'issuer',
      'add',
      'ci',
      '--issuer',
      issuer.url,
      '--audience',
      AUDIENCE,
      '--private-network',
      '127.0.0.0/8',
      ...rule,
    ])
  })
  after(async () => {
    await Promise.all([stint.stop(), upstream.close()])
    issuer.close()
    rmSync(directory, { recursive: true })
  })

  async function succeed(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await stint.cli(args, input)
    assert.equal(code, 0, stderr)
    return stdout
  }

  /** A token of this moment: the installation has the real clock. */
  function freshToken(changed: object = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    return sign(key, { ...goodClaims(issuer.url), iat: now, exp: now + 300, ...changed })
  }

  function runJob(token: string, command: string, action = 'http:*'): Promise<Finished> {
    const env = { PATH: process.env.PATH, STINT_API: `http://127.0.0.1:${stint.apiPort}`, OIDC_TOKEN: token }
    const program = [script, 'read the issues', 'api', action, '--', process.execPath, '--input-type=module', '-e', command]
    return finish(spawn(process.execPath, program, { env, cwd: directory }))
  }

  const fetchIssues = (): string =>
    `const r = await fetch('${target}/issues'); console.log(r.status, await r.text(), JSON.stringify(process.env))`

  test('works on the system without holding a secret, and its task ends with it', async () => {
    const token = await freshToken()
    const { code, stdout, stderr } = await runJob(token, fetchIssues())
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^200 .*kettle/)
    assert.ok(!stdout.includes(SECRET) && !stdout.includes(token))
    const { items } = JSON.parse(await succeed(['task', 'list', '--json', '--state', 'ended']))
    const { workload, owner, proof, state } = items[0]
    assert.deepEqual(
      { workload, owner, proof, state },
      { workload: RULE.workload, owner: RULE.owner, proof: 'federated', state: 'ended' },
    )
  })

  test('gets nothing with a token that is for others or matches no rule', async () => {
    for (const token of [await freshToken({ aud: 'https://other.example' }), await freshToken({ repository_id: '9' })]) {
      const { code, stderr } = await runJob(token, 'console.log("ran")')
      assert.equal(code, 1)
      assert.match(stderr, /invalid_token: the token is not acceptable\n/)
    }
  })

  test('gets nothing with a token that was used, also after Stint was killed and started again', async () => {
    const used = await freshToken()
    assert.equal((await runJob(used, '')).code, 0)
    const again = await runJob(used, 'console.log("ran")')
    assert.equal(again.code, 1)
    assert.match(again.stderr, /token_replayed/)
    stint.server.kill('SIGKILL')
    await stint.restart()
    const afterwards = await runJob(used, 'console.log("ran")')
    assert.equal(afterwards.code, 1)
    assert.match(afterwards.stderr, /token_replayed/)
    assert.doesNotMatch(afterwards.stdout, /ran/)
    const { items } = JSON.parse(await succeed(['audit', 'search', '--json', '--code', 'token_replayed']))
    assert.deepEqual(
      items.map(({ kind }: { kind: string }) => kind),
      ['attempt', 'attempt'],
    )
    assert.equal((await runJob(await freshToken(), '')).code, 0)
  })

  test('gets nothing beyond its rule', async () => {
    const { stderr } = await runJob(await freshToken(), '', '*')
    assert.match(stderr, /scope_exceeded/)
  })

  test('cannot start a task for a key that it does not show', async () => {
    const body = JSON.stringify({ purpose: 'x', targets: ['api'], actions: ['http:GET'], keyThumbprint: 'A'.repeat(43) })
    const headers = { authorization: `Bearer ${await freshToken()}`, 'content-type': 'application/json' }
    const response = await fetch(`http://127.0.0.1:${stint.apiPort}/v1/tasks`, { method: 'POST', headers, body })
    assert.equal(response.status, 401)
  })

  test('is told apart by `stint issuer test`, which uses the token up for nobody', async () => {
    const token = await freshToken()
    assert.match(await succeed(['issuer', 'test'], token), /Accepted as spiffe:\/\/stint\.local\/ci\/acme-app/)
    const refused = await stint.cli(['issuer', 'test'], await freshToken({ aud: 'https://other.example' }))
    assert.match(refused.stderr, /aud/)
    assert.equal((await runJob(token, '')).code, 0)
    assert.equal(decodeJwt(token).iss, issuer.url)
  })
})
