import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { CONNECTORS } from '../../../src/credentials/connectors/index.ts'
import { oauth } from '../../../src/credentials/connectors/oauth.ts'
import type { HttpAnswer, HttpRequest, Io, Issued, Minting, MintOrder } from '../../../src/credentials/minting.ts'
import { StintError } from '../../../src/errors.ts'
import type { Access, Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { checkTarget } from '../../../src/targets/check-target.ts'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  CLIENT_KEY,
  CLIENT_SECRET,
  startAuthorizationServer,
} from '../../providers/authorization-server.ts'
import { ask, ioOf, targetAt } from '../../providers/oauth.ts'
import { TASK } from '../permit.ts'

const { minting } = oauth as { minting: Minting }
const LEASE = 'lease_abcdefaaaaaaabzzzzzzzz'
const PRIVATE_KEY = CLIENT_KEY.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

async function startFor(t: TestContext, options?: AuthorizationServerOptions): Promise<AuthorizationServer> {
  const server = await startAuthorizationServer(options)
  t.after(() => server.close())
  return server
}

function orderOf(target: Target, standing: string | object, access: Access = 'read'): MintOrder {
  const action = { id: access === 'read' ? 'http:GET' : 'http:POST', access, resource: '/orders', parameters: {} }
  const secret = new Secret(typeof standing === 'string' ? standing : JSON.stringify(standing))
  const grant = minting.grant({ task: TASK, target, action }) ?? assert.fail()
  const more = { taskId: TASK.id, owner: TASK.owner, expiresAt: Date.now() + 600_000 }
  return { leaseId: LEASE, target, grant, standing: secret, ...more }
}

async function mint(order: MintOrder, io = ioOf(order.target)): Promise<Issued & { readonly material: Secret }> {
  const { material, handle } = await minting.mint(order, undefined, io)
  return { ...order, material, handle }
}

const refused = () => Promise.reject(new StintError('upstream_failed', 'no'))

/** An authorization server that answers what the test says. */
function played(answer: Partial<HttpAnswer> & { readonly json?: unknown }): Io & { readonly sent: HttpRequest[] } {
  const sent: HttpRequest[] = []
  return {
    sent,
    now: Date.now,
    connect: refused,
    secure: refused,
    async exchange(request) {
      sent.push(request)
      if (request.url.endsWith('/revocation')) return { status: 200, headers: {}, body: Buffer.alloc(0) }
      const body = answer.body ?? Buffer.from(JSON.stringify(answer.json))
      return { status: 200, headers: { 'content-type': 'application/json' }, ...answer, body }
    },
  }
}

const PLAYED = targetAt({ issuer: 'http://127.0.0.1:1', api: 'http://127.0.0.1:2' } as AuthorizationServer)
const TOKEN = { access_token: 'a-token-0123', token_type: 'Bearer', expires_in: 600, scope: 'orders:read' }

function isError(code: string, words: RegExp) {
  return (thrown: unknown) => thrown instanceof StintError && thrown.code === code && words.test(thrown.detail)
}

describe('an OAuth client', () => {
  for (const [method, client, standing] of [
    ['client_secret_basic', 'by-secret', CLIENT_SECRET],
    ['client_secret_basic', 'by-secret', { client_secret: CLIENT_SECRET }],
    ['client_secret_post', 'by-post', CLIENT_SECRET],
    ['private_key_jwt', 'by-key', { private_key: PRIVATE_KEY }],
  ] as const)
    test(`proves itself by ${method}, from ${typeof standing === 'string' ? 'a text' : 'JSON'}, and is refused with another`, async (t) => {
      const server = await startFor(t)
      const target = targetAt(server, { client_id: client, auth_method: method, signing_alg: 'ES256', key_id: 'k1' })
      const issued = await mint(orderOf(target, standing))
      assert.equal(await ask(server.api, 'GET', minting.place(issued)), 200)
      const other =
        method === 'private_key_jwt' ? { ...target, settings: { ...target.settings, issuer: 'http://other.test' } } : target
      const wrong = method === 'private_key_jwt' ? standing : 'another-secret-of-tests'
      await assert.rejects(mint(orderOf(other, wrong)), isError('mint_refused', /refuses/))
    })

  test('bears the lease’s id in its assertion', async (t) => {
    const server = await startFor(t)
    const target = targetAt(server, { client_id: 'by-key', auth_method: 'private_key_jwt', signing_alg: 'ES256' })
    await mint(orderOf(target, { private_key: PRIVATE_KEY }))
    const payload = server.asked.at(-1)?.client_assertion?.split('.')[1] ?? ''
    assert.match(JSON.parse(Buffer.from(payload, 'base64url').toString()).jti, new RegExp(`^${LEASE}\\.`))
  })

  for (const [what, standing] of Object.entries({
    'no key': { client_secret: 'x' },
    'a key that is none': { private_key: '-----BEGIN PRIVATE KEY-----\nMIIsecret\n-----END PRIVATE KEY-----' },
    'a number': { private_key: 7 },
    'half of JSON': '{"private_key":',
  }))
    test(`with ${what} for its key says so without quoting it`, async () => {
      const target = { ...PLAYED, settings: { ...PLAYED.settings, auth_method: 'private_key_jwt' } }
      const thrown = await mint(orderOf(target, standing), played({ json: TOKEN })).catch((error: unknown) => error)
      assert.ok(thrown instanceof StintError && thrown.code === 'credential_missing', String(thrown))
      assert.ok(thrown.cause === undefined && !thrown.message.includes('MII'))
    })
})

describe('a token', () => {
  test('has the scopes of the access and no others', async (t) => {
    const server = await startFor(t)
    const target = targetAt(server)
    for (const [access, scope, posts] of [
      ['read', 'orders:read', 403],
      ['write', 'orders:read orders:write', 200],
      ['destructive', 'orders:read orders:write', 200],
    ] as const) {
      const issued = await mint(orderOf(target, CLIENT_SECRET, access))
      assert.equal(server.asked.at(-1)?.scope, scope)
      assert.equal(await ask(server.api, 'POST', minting.place(issued)), posts)
    }
    assert.throws(() => orderOf(target, CLIENT_SECRET, 'admin'), isError('credential_missing', /admin/))
  })

  test('comes from a refresh token that stays good', async (t) => {
    const server = await startFor(t)
    const target = targetAt(server, { client_id: 'by-refresh', grant_type: 'refresh_token' })
    const standing = { client_secret: CLIENT_SECRET, refresh_token: await server.refreshToken() }
    for (const posts of [403, 200]) {
      const issued = await mint(orderOf(target, standing, posts === 200 ? 'write' : 'read'))
      assert.equal(await ask(server.api, 'GET', minting.place(issued)), 200)
      assert.equal(await ask(server.api, 'POST', minting.place(issued)), posts)
    }
    await assert.rejects(mint(orderOf(target, { client_secret: CLIENT_SECRET })), isError('credential_missing', /refresh_token/))
  })

  test('is refused, and leaves none behind, where the server rotates refresh tokens', async (t) => {
    const server = await startFor(t, { rotates: true })
    const target = targetAt(server, { client_id: 'by-refresh', grant_type: 'refresh_token' })
    const standing = { client_secret: CLIENT_SECRET, refresh_token: await server.refreshToken() }
    await assert.rejects(mint(orderOf(target, standing)), isError('mint_refused', /rotates/))
  })

  test('comes by exchange for a wider one', async (t) => {
    const server = await startFor(t)
    const target = targetAt(server, { grant_type: 'token_exchange' })
    const standing = { client_secret: CLIENT_SECRET, subject_token: await server.wideToken() }
    const issued = await mint(orderOf(target, standing))
    assert.equal(await ask(server.api, 'GET', minting.place(issued)), 200)
    assert.equal(await ask(server.api, 'POST', minting.place(issued)), 403)
    assert.equal(
      await ask(server.api, 'POST', [
        { kind: 'header', name: 'authorization', prefix: 'Bearer ', value: new Secret(standing.subject_token) },
      ]),
      200,
    )
  })

  test('that an API takes without asking is irrevocable until it expires, and probed at the API', async (t) => {
    const server = await startFor(t, { format: 'jwt', lifeSeconds: 3 })
    const target = targetAt(server, { probe_url: `${server.api}/orders` })
    assert.deepEqual(checkTarget(target, CONNECTORS), target)
    const issued = await mint(orderOf(target, CLIENT_SECRET))
    const { irrevocableUntil } = await minting.revoke(issued, ioOf(target))
    assert.equal(irrevocableUntil, Number(issued.handle.expires_at))
    assert.equal(await minting.probe(issued, ioOf(target)), 'live')
    await new Promise((done) => setTimeout(done, irrevocableUntil - Date.now() + 1000))
    assert.equal(await minting.probe(issued, ioOf(target)), 'refused')
  })
})

describe('a hostile or broken authorization server', () => {
  const REFUSED: readonly (readonly [what: string, answer: object, code: string, words: RegExp])[] = [
    ['more scopes than were asked for', { scope: 'orders:read admin' }, 'mint_refused', /more scopes/],
    ['a token for a year', { expires_in: 31_536_000 }, 'mint_refused', /more than a day/],
    ['a token for ever', { expires_in: undefined }, 'mint_refused', /more than a day/],
    ['a life beyond numbers', { expires_in: '1e999' }, 'upstream_failed', /used/],
    ['a token that is two lines', { access_token: 'aaaaaaaaaa\r\nx: y' }, 'upstream_failed', /bearer/],
    ['a token too short to be scrubbed', { access_token: 'abc' }, 'upstream_failed', /bearer/],
    ['a token of a megabyte', { access_token: 'a'.repeat(1_000_000) }, 'upstream_failed', /bearer/],
    ['another kind of token', { token_type: 'mac' }, 'upstream_failed', /used/],
    ['a bound token', { token_type: 'DPoP' }, 'upstream_failed', /bearer/],
    ['a list for a token', { access_token: ['a-token-0123'] }, 'upstream_failed', /used/],
  ]
  for (const [what, change, code, words] of REFUSED)
    test(`that gives ${what} gives nothing`, async () => {
      const io = played({ json: { ...TOKEN, ...change } })
      await assert.rejects(mint(orderOf(PLAYED, CLIENT_SECRET), io), isError(code, words))
      const revoked = io.sent.filter(({ url }) => url.endsWith('/revocation')).length
      assert.equal(revoked, code === 'mint_refused' ? 1 : 0, 'what is refused for good is taken back first')
    })

  test('whose excess cannot be taken back is told apart from a refusal', async () => {
    const { revocation_url: _, ...settings } = PLAYED.settings ?? {}
    const order = orderOf({ ...PLAYED, settings }, CLIENT_SECRET)
    await assert.rejects(mint(order, played({ json: { ...TOKEN, scope: 'all' } })), isError('upstream_failed', /more scopes/))
  })

  for (const [status, error, code] of [
    [400, 'invalid_scope', 'mint_refused'],
    [401, 'invalid_client', 'mint_refused'],
    [400, 'temporarily_unavailable', 'upstream_failed'],
    [503, 'invalid_scope', 'upstream_failed'],
    [429, 'invalid_request', 'upstream_failed'],
    [302, 'invalid_request', 'upstream_failed'],
  ] as const)
    test(`that answers ${status} ${error} is ${code}, and what it wrote is not repeated`, async () => {
      const echo = { error, error_description: CLIENT_SECRET, error_uri: CLIENT_SECRET }
      const thrown = await mint(orderOf(PLAYED, CLIENT_SECRET), played({ status, json: echo })).catch((one: unknown) => one)
      assert.ok(thrown instanceof StintError && thrown.code === code, String(thrown))
      assert.ok(!`${thrown.stack}${thrown.detail}${thrown.operatorDetail}`.includes(CLIENT_SECRET) && thrown.cause === undefined)
    })

  test('that sends a refresh token unasked has it revoked with the token', async () => {
    const io = played({ json: { ...TOKEN, refresh_token: 'a-refresh-token' } })
    const issued = await mint(orderOf(PLAYED, CLIENT_SECRET), io)
    assert.deepEqual(await minting.revoke(issued, io), {})
    const revoked = io.sent.flatMap(({ url, body }) =>
      url.endsWith('/revocation') ? [new URLSearchParams(String(body)).get('token')] : [],
    )
    assert.deepEqual(revoked, ['a-refresh-token', 'a-token-0123'])
  })

  for (const [what, answer] of Object.entries({
    'active as a text': { json: { active: 'false' } },
    'nothing about active': { json: {} },
    'an error of the client': { status: 401, json: { error: 'invalid_client' } },
  }))
    test(`that says ${what} when asked about a token has said nothing`, async () => {
      const issued = await mint(orderOf(PLAYED, CLIENT_SECRET), played({ json: TOKEN }))
      await assert.rejects(minting.probe(issued, played(answer)), isError('upstream_failed', /introspection/))
    })

  for (const [status, body] of [
    [200, '<html>Sign in</html>'],
    [204, ''],
    [302, ''],
    [403, '{}'],
    [404, '{}'],
  ] as const)
    test(`whose API answers a probe ${status} ${body} has said nothing`, async () => {
      const target = { ...PLAYED, settings: { ...PLAYED.settings, probe_url: 'http://127.0.0.1:2/me' } }
      const issued = await mint(orderOf(target, CLIENT_SECRET), played({ json: TOKEN }))
      await assert.rejects(
        minting.probe(issued, played({ status, body: Buffer.from(body) })),
        isError('upstream_failed', /probe/),
      )
    })
})

describe('an OAuth target', () => {
  const WRONG: Readonly<Record<string, readonly [change: Partial<Target>, words: RegExp]>> = {
    'a token URL in the clear': [
      { privateNetworks: [], hosts: [{ scheme: 'https', host: 'a.test', port: 443 }] },
      /token_url takes an https/,
    ],
    'no credential': [{ credentialId: undefined as unknown as string }, /credentialId/],
    'a probe elsewhere': [{ settings: { ...PLAYED.settings, probe_url: 'https://elsewhere.test/' } }, /probe_url takes a place/],
    'no token URL': [{ settings: { ...PLAYED.settings, token_url: undefined as unknown as string } }, /token_url is missing/],
    'no probe': [
      { settings: { ...PLAYED.settings, introspection_url: undefined as unknown as string } },
      /introspection_url is needed/,
    ],
    'a key without an issuer': [
      { settings: { ...PLAYED.settings, auth_method: 'private_key_jwt', issuer: undefined as unknown as string } },
      /issuer is missing/,
    ],
    'scopes for writing alone': [{ settings: { ...PLAYED.settings, scopes_read: [] } }, /scopes_read is missing/],
    'tokens for a week': [{ settings: { ...PLAYED.settings, token_life_seconds: '99999' } }, /up to 86400/],
    'a URL with a user': [{ settings: { ...PLAYED.settings, token_url: 'https://a:b@c.test/' } }, /token_url/],
  }
  for (const [what, [change, words]] of Object.entries(WRONG))
    test(`with ${what} is refused`, () => {
      assert.throws(() => checkTarget({ ...PLAYED, ...change }, CONNECTORS), words)
    })
})
