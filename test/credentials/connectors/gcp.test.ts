import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inspect } from 'node:util'
import { gcp } from '../../../src/credentials/connectors/gcp.ts'
import type { HttpAnswer, Io, Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { StintError } from '../../../src/errors.ts'
import type { Target } from '../../../src/model.ts'
import { Secret } from '../../../src/secret.ts'
import { type Gcp, PROVIDER, startGcp } from '../../providers/gcp.ts'
import { TASK } from '../permit.ts'

const { minting } = gcp
assert.ok(minting)
const fails = (code: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === code

describe('a token of Google Cloud', () => {
  let google: Gcp
  before(async () => {
    google = await startGcp()
  })
  after(() => google.close())

  const grantOf = (service: string, access: 'read' | 'write') =>
    minting.grant({
      task: TASK,
      target: google.target,
      action: { id: 'gcp:x:y::z', access, resource: '/', parameters: { service } },
    }) ?? assert.fail()
  const order = (more: Partial<MintOrder> = {}): MintOrder => ({
    ...{ leaseId: 'lease_abcdefgcp', target: google.target, taskId: TASK.id, owner: TASK.owner, standing: google.standing },
    ...{ grant: grantOf('storage', 'read'), expiresAt: Date.now() + 600_900 },
    ...more,
  })
  const federated = (): Target => ({
    ...google.target,
    settings: { ...google.target.settings, workload_identity_provider: PROVIDER },
  })
  const issue = async (more: Partial<MintOrder> = {}): Promise<Issued> => {
    const asked = order(more)
    return { ...asked, ...(await minting.mint(asked, undefined, google.io)), expiresAt: asked.expiresAt }
  }

  for (const [service, access, scope] of [
    ['storage', 'read', 'devstorage.read_only'],
    ['storage', 'write', 'devstorage.read_write'],
    ['redis', 'read', 'cloud-platform.read-only'],
    ['redis', 'write', 'cloud-platform'],
    ['toString', 'read', 'cloud-platform.read-only'],
  ] as const)
    test(`to ${access} in ${service} is of the scope ${scope}`, () => assert.deepEqual(grantOf(service, access).terms, { scope }))

  test('is asked for with one scope, until the lease’s end, under the lease’s name', async () => {
    await issue()
    const scope = ['https://www.googleapis.com/auth/devstorage.read_only']
    assert.deepEqual(google.asked.at(-1), { scope, lifetime: '600s', reason: 'lease_abcdefgcp' })
    await issue({ expiresAt: Date.now() + 86_400_000 })
    assert.equal(google.asked.at(-1)?.lifetime, '3600s')
  })

  test('is minted by federation, and not with a subject token that the pool refuses', async () => {
    const issued = await issue({ target: federated(), standing: google.subject })
    assert.equal(await minting.probe(issued, google.io), 'live')
    await assert.rejects(issue({ target: federated(), standing: new Secret('not a token of the pool') }), fails('mint_refused'))
  })

  const asUser = (change: Readonly<Record<string, unknown>> = {}): Secret =>
    new Secret(JSON.stringify({ ...google.user, ...change }))

  test('is minted by a user’s application default credentials, whose calls count against the project that they name', async () => {
    const issued = await issue({ standing: asUser() })
    assert.equal(await minting.probe(issued, google.io), 'live')
    for (const change of [{ refresh_token: 'revoked' }, { client_secret: 'wrong' }, { quota_project_id: undefined }])
      await assert.rejects(issue({ standing: asUser(change) }), fails('mint_refused'), JSON.stringify(change))
  })

  test('is not minted by a file that lacks what it needs, or holds no credential, and the file is not quoted', async () => {
    for (const [change, words] of [
      [{ refresh_token: undefined }, /has no refresh_token$/],
      [{ client_id: 7 }, /has no client_id$/],
      [{ quota_project_id: 'acme\r\nx: y' }, /has no valid quota_project_id$/],
      [{ type: 'external_account' }, /give that, and workload_identity_provider$/],
    ] as const)
      await assert.rejects(issue({ standing: asUser(change) }), (thrown) => {
        assert.ok(
          thrown instanceof StintError && thrown.code === 'credential_missing' && words.test(thrown.detail),
          String(thrown),
        )
        return ['client_secret', 'refresh_token'].every((name) => !inspect(thrown).includes(google.user[name] ?? assert.fail()))
      })
  })

  test('is said to be irrevocable until it ends, and found refused when it has', async () => {
    const issued = await issue()
    const { irrevocableUntil = 0 } = await minting.revoke(issued, google.io)
    assert.ok(Math.abs(irrevocableUntil - issued.expiresAt) < 3000)
    const lost = await minting.revoke({ ...issued, material: undefined, handle: {} }, google.io)
    assert.equal(lost.irrevocableUntil, issued.expiresAt + 60_000, 'one that was lost may have been a minute on its way')
    google.expire()
    assert.equal(await minting.probe(issued, google.io), 'refused')
  })

  for (const minutes of [-5, 5])
    test(`is minted although Google’s clock is ${minutes} minutes ahead, and its end is told by ours`, async () => {
      google.skewMs = minutes * 60_000
      const asked = order()
      const { expiresAt = 0 } = await minting.mint(asked, undefined, google.io)
      google.skewMs = 0
      assert.ok(Math.abs(expiresAt - asked.expiresAt) < 3000, String(expiresAt - asked.expiresAt))
    })

  for (const standing of [undefined, new Secret('not json'), new Secret('{}'), new Secret('{"private_key":"AAAA"}')])
    test(`is not made with ${standing === undefined ? 'nothing' : `a credential of ${standing.length} characters`}`, async () => {
      await assert.rejects(issue({ standing }), (thrown) => {
        assert.ok(thrown instanceof StintError && thrown.code === 'credential_missing', String(thrown))
        return thrown.cause === undefined && !/AAAA|not json/.test(String(thrown))
      })
    })

  test('is neither live nor refused by answers that do not say so', async () => {
    const issued = await issue()
    for (const [status, body] of [
      [400, { error: 'invalid_request' }],
      [401, { error: 'invalid_token' }],
      [200, { expires_in: '0' }],
      [200, {}],
    ] as const) {
      const io: Io = {
        ...google.io,
        exchange: async (): Promise<HttpAnswer> => ({ status, headers: {}, body: Buffer.from(JSON.stringify(body)) }),
      }
      await assert.rejects(minting.probe(issued, io), fails('upstream_failed'), JSON.stringify(body))
    }
  })

  test('is asked for nowhere in clear HTTP outside private networks', () => {
    const target = (endpoint: string, privateNetworks: readonly string[] = []): Target => ({
      ...gcp.example.target,
      ...{ privateNetworks, settings: { ...gcp.example.target.settings, endpoint } },
    })
    assert.throws(() => minting.checkTarget?.(target('http://iam.test')), fails('invalid_argument'))
    assert.throws(() => minting.checkTarget?.(target('https://iam.test:port')), fails('invalid_argument'))
    minting.checkTarget?.(target('https://iam.test'))
    minting.checkTarget?.(target('http://iam.test', ['10.0.0.0/8']))
    assert.deepEqual(minting.places?.(target('https://iam.test:8443'))[0], { scheme: 'https', host: 'iam.test', port: 8443 })
    assert.deepEqual(
      minting.places?.(gcp.example.target).map(({ host }) => host),
      ['iamcredentials.googleapis.com', 'sts.googleapis.com', 'oauth2.googleapis.com'],
    )
  })
})
