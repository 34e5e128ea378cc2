import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { kubernetes } from '../../../src/credentials/connectors/kubernetes.ts'
import type { Io, Issued, MintOrder } from '../../../src/credentials/minting.ts'
import { StintError } from '../../../src/errors.ts'
import type { Action, Operation } from '../../../src/model.ts'
import { type Kubernetes, startKubernetes } from '../../providers/kubernetes.ts'
import { TASK } from '../permit.ts'

const { minting } = kubernetes
assert.ok(minting)
const fails = (code: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === code
const PODS = '/api/v1/namespaces/web/pods'

function described(method: string, path: string, query = ''): Action {
  const operation: Operation = { scheme: 'https', host: 'kubernetes.test', port: 6443, method, path, query, headers: {} }
  return kubernetes.describe(operation, kubernetes.example.target)
}

function termsOf(action: Action, ...actions: string[]) {
  return minting?.grant({ task: { ...TASK, scope: { targets: ['*'], actions } }, target: kubernetes.example.target, action })
    ?.terms
}

describe('a request of the Kubernetes API', () => {
  for (const [method, path, query, verb] of [
    ['GET', PODS, 'watch=false', 'list'],
    ['GET', PODS, 'watch=0&watch=1', 'list'],
    ['GET', PODS, 'watch', 'watch'],
    ['GET', PODS, 'watch=', 'watch'],
    ['GET', PODS, 'limit=1&watch=True', 'watch'],
    ['GET', `${PODS}/a`, 'watch=1', 'get'],
    ['HEAD', `${PODS}/a`, '', 'get'],
    ['PUT', `${PODS}/a`, '', 'update'],
    ['DELETE', `${PODS}/a`, '', 'delete'],
  ] as const)
    test(`${method} ${path}?${query} is ${verb}`, () =>
      assert.equal(described(method, path, query).id, `kubernetes:pods::${verb}`))

  for (const [method, path, access] of [
    ['POST', `${PODS}/a/eviction`, 'destructive'],
    ['POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 'read'],
    ['POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', 'admin'],
    ['POST', '/apis/authentication.k8s.io/v1/tokenreviews', 'admin'],
    ['PATCH', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/a', 'admin'],
    ['GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles', 'read'],
  ] as const)
    test(`${method} ${path} is of access ${access}`, () => assert.equal(described(method, path).access, access))

  test('of a type that another group has as well is told from it', () => {
    const [core, metrics] = [described('GET', PODS), described('GET', '/apis/metrics.k8s.io/v1beta1/namespaces/web/pods')]
    assert.deepEqual([core.id, metrics.id], ['kubernetes:pods::list', 'kubernetes:metrics_k8s_io:pods::list'])
  })
})

describe('a role for a lease in Kubernetes', () => {
  test('is for the verb that was decided, and for other reads of the type only where the task’s scope has them', () => {
    const place = 'namespaces/web'
    const rule = { place, group: '', type: 'pods', names: [] }
    assert.deepEqual(termsOf(described('GET', PODS), 'kubernetes:pods::list'), { ...rule, verbs: ['list'] })
    assert.deepEqual(termsOf(described('GET', PODS), 'kubernetes:pods::*'), { ...rule, verbs: ['get', 'list', 'watch'] })
    assert.deepEqual(termsOf(described('DELETE', `${PODS}/a`), '*'), { ...rule, verbs: ['delete'], names: ['a'] })
    assert.deepEqual(termsOf(described('POST', PODS), '*'), { ...rule, verbs: ['create'] })
    assert.deepEqual(termsOf(described('GET', '/api/v1/nodes'), 'x')?.place, 'cluster')
    assert.deepEqual(termsOf(described('GET', '/version'), '*'), { place: '' })
  })
})

describe('a token of Kubernetes', () => {
  let server: Kubernetes
  before(async () => {
    server = await startKubernetes()
  })
  beforeEach(() => server.objects.clear())
  after(() => server.close())

  const order = (leaseId: string, action = described('GET', PODS)): MintOrder => {
    const task = { ...TASK, scope: { targets: ['*'], actions: ['kubernetes:pods::list'] } }
    const grant = minting.grant({ task, target: server.target, action }) ?? assert.fail()
    return {
      ...{ leaseId, target: server.target, taskId: TASK.id, owner: TASK.owner, standing: server.standing, grant },
      expiresAt: Date.now() + 900_000,
    }
  }
  const issue = async (leaseId: string, action?: Action): Promise<Issued> => {
    const asked = order(leaseId, action)
    return { ...asked, ...(await minting.mint(asked, undefined, server.io)), expiresAt: asked.expiresAt }
  }

  test('is bound to an account, with a role and its binding, all of the lease’s name and all gone with it', async () => {
    const issued = await issue('lease_abcdefobjects')
    assert.deepEqual([...server.objects.keys()].sort(), [
      '/api/v1/namespaces/stint/serviceaccounts/lease-abcdefobjects',
      '/apis/rbac.authorization.k8s.io/v1/namespaces/web/rolebindings/lease-abcdefobjects',
      '/apis/rbac.authorization.k8s.io/v1/namespaces/web/roles/lease-abcdefobjects',
    ])
    await minting.revoke(issued, server.io)
    assert.equal(server.objects.size, 0)
  })

  test('for what is in no namespace has a role for the cluster, and one for discovery has none', async () => {
    const issued = await issue('lease_abcdefcluster', described('GET', '/api/v1/nodes'))
    assert.ok(server.objects.has('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/lease-abcdefcluster'))
    await minting.revoke({ ...issued, material: undefined, handle: {} }, server.io)
    assert.equal(server.objects.size, 0)
    await issue('lease_abcdefversion', described('GET', '/version'))
    assert.equal(server.objects.size, 1)
  })

  test('is minted again after a crash with what was made before', async () => {
    await issue('lease_abcdefagain')
    const again = await issue('lease_abcdefagain')
    assert.equal(server.objects.size, 3)
    assert.equal(await minting.probe(again, server.io), 'live')
  })

  test('that is refused when its account was made already leaves nothing', async () => {
    server.isForbidding = true
    await assert.rejects(issue('lease_abcdefforbidden'), fails('mint_refused'))
    server.isForbidding = false
    assert.equal(server.objects.size, 0)
  })

  test('that is refused where the account cannot be taken back is not said to be refused', async () => {
    server.isForbidding = true
    const io: Io = {
      ...server.io,
      exchange: async (asked) =>
        asked.method === 'DELETE' ? { status: 503, headers: {}, body: Buffer.from('{}') } : server.io.exchange(asked),
    }
    await assert.rejects(minting.mint(order('lease_abcdefstuck'), undefined, io), fails('upstream_failed'))
    server.isForbidding = false
  })

  test('is not said to be refused where the API server could not look', async () => {
    const issued = await issue('lease_abcdefreview')
    server.reviewError = 'context deadline exceeded'
    await assert.rejects(minting.probe(issued, server.io), fails('upstream_failed'))
    server.reviewError = '[invalid bearer token, service account token has expired]'
    assert.equal(await minting.probe(issued, server.io), 'refused')
    server.reviewError = undefined
    const user = { username: 'system:serviceaccount:stint:lease-abcdefreview' }
    for (const status of [
      {},
      { authenticated: false },
      { authenticated: false, user },
      { authenticated: 'true', user },
      { authenticated: true, error: 'invalid bearer token' },
      [],
    ]) {
      server.reviewStatus = status
      await assert.rejects(minting.probe(issued, server.io), fails('upstream_failed'), JSON.stringify(status))
    }
    server.reviewStatus = undefined
  })

  test('for one object has a role for that object', async () => {
    await issue('lease_abcdefnamed', described('DELETE', `${PODS}/a`))
    const role = server.objects.get('/apis/rbac.authorization.k8s.io/v1/namespaces/web/roles/lease-abcdefnamed')
    assert.deepEqual(role?.rules, [{ apiGroups: [''], resources: ['pods'], verbs: ['delete'], resourceNames: ['a'] }])
  })

  test('is not live as another account', async () => {
    const [one, other] = [await issue('lease_abcdefme'), await issue('lease_abcdefyou')]
    await assert.rejects(minting.probe({ ...one, material: other?.material }, server.io), fails('upstream_failed'))
  })

  test('is found in a list of several pages with the place of its role, and nobody else’s account with it', async () => {
    for (const name of ['one', 'two', 'three', 'four', 'five']) await issue(`lease_abcdef${name}`)
    await issue('lease_bcdefgother')
    const [account] = [...server.objects].find(([at]) => at.includes('serviceaccounts')) ?? []
    const kept = server.objects.get(String(account))
    assert.ok(kept)
    const foreign = { ...kept, metadata: { ...kept.metadata, name: 'lease-abcdef.evil' } }
    server.objects.set('/api/v1/namespaces/stint/serviceaccounts/lease-abcdef.evil', foreign)
    const evil = {
      ...kept,
      metadata: { ...kept.metadata, name: 'lease-abcdefevil', annotations: { 'stint-role-at': 'namespaces/../../x' } },
    }
    server.objects.set('/api/v1/namespaces/stint/serviceaccounts/lease-abcdefevil', evil)
    const asked = { target: server.target, standing: server.standing, installation: 'abcdef' }
    const found = (await minting.strays?.(asked, server.io)) ?? []
    assert.deepEqual(found.map(({ leaseId, handle }) => `${leaseId} ${handle.role_at}`).sort(), [
      'lease_abcdefevil ',
      ...['five', 'four', 'one', 'three', 'two'].map((name) => `lease_abcdef${name} namespaces/web`),
    ])
  })

  const discover = (io = server.io) => minting.discover?.({ target: server.target, standing: server.standing }, io)

  test('has its account listed with every other of the namespace, and those that are being deleted told from them', async () => {
    for (const name of ['one', 'two', 'three']) await issue(`lease_abcdef${name}`)
    const [account, kept] = [...server.objects].find(([at]) => at.endsWith('/lease-abcdeftwo')) ?? []
    assert.ok(account !== undefined && kept)
    server.objects.set(account, { ...kept, metadata: { ...kept.metadata, deletionTimestamp: '2026-02-01T00:00:00Z' } })
    server.objects.set(account.replace('lease-abcdeftwo', 'default'), {
      ...kept,
      metadata: { name: 'default', uid: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    })
    const [mine, createdAt] = [{ kind: 'account', access: 'unknown', isUsable: true }, Date.parse('2026-01-20T22:11:48Z')]
    assert.deepEqual(
      [...((await discover()) ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1)),
      [
        { ...mine, id: 'default', createdAt: Date.parse('2026-01-01T00:00:00Z') },
        { ...mine, id: 'lease-abcdefone', createdAt },
        { ...mine, id: 'lease-abcdefthree', createdAt },
        { ...mine, id: 'lease-abcdeftwo', createdAt, isUsable: false },
      ],
    )
  })

  const account = (more: object = {}) => ({ metadata: { name: 'ci', creationTimestamp: '2026-01-20T22:11:48Z', ...more } })
  const saying = (page: object): Io => ({
    ...server.io,
    exchange: async () => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(page)) }),
  })

  test('is not listed with some left out, nor for ever', async () => {
    const [most, more] = [1000, 1001].map((length) => Array.from({ length }, () => account()))
    assert.equal((await discover(saying({ metadata: {}, items: most })))?.length, 1000)
    for (const page of [
      { metadata: {}, items: more },
      { metadata: { continue: 'x' }, items: most },
      { metadata: { continue: 'x' }, items: [] },
    ])
      await assert.rejects(async () => discover(saying(page)), /more than 1000/)
  })

  for (const page of [
    { items: [account({ name: 1 })] },
    { items: [account({ creationTimestamp: 'now' })] },
    { items: ['ci'] },
    { items: {} },
    { items: [], metadata: { continue: 1 } },
  ])
    test(`is not listed from ${JSON.stringify(page)}`, () =>
      assert.rejects(
        async () => discover(saying(page)),
        (thrown) => fails('upstream_failed')(thrown) && !/more than/.test(String(thrown)),
      ))
})
