import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONNECTORS } from '../../src/credentials/connectors/index.ts'
import { describeHandOut, grantFor } from '../../src/credentials/hand-out.ts'
import type { Grant, PlugPoint } from '../../src/credentials/minting.ts'
import { rolesFor } from '../../src/credentials/protocols/kubernetes-objects.ts'
import { StintError } from '../../src/errors.ts'
import type { Action, Target } from '../../src/model.ts'
import { checkTarget } from '../../src/targets/check-target.ts'
import { TASK } from './permit.ts'

interface Asked {
  readonly kind: string
  readonly plug: PlugPoint
  readonly actions: readonly string[]
  readonly path?: string
  readonly settings?: Target['settings']
}

/** The target of a connector's example that hands out, what it is asked for, and what comes of it. */
function handOut({ kind, plug, actions, path = '', settings }: Asked): { action: Action; grant: Grant } {
  const connector = CONNECTORS[kind]
  assert.ok(connector?.minting)
  const { target: example } = connector.example
  const target: Target = { ...example, settings: { ...example.settings, ...settings }, handsOut: true }
  assert.equal(checkTarget(target, CONNECTORS).handsOut, true)
  const scope = { targets: [target.id], actions }
  const action = describeHandOut(plug, { path, target, scope }, connector)
  const grant = grantFor(connector.minting, { task: { ...TASK, scope }, target, action })
  assert.ok(grant)
  return { action, grant }
}

const isCode = (code: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === code

test('git is handed a credential for one repository, to push only where the task may', () => {
  const fetch = handOut({ kind: 'github-app', plug: 'git', path: 'Acme/app', actions: ['git:fetch'] })
  const { id, access, resource, parameters } = fetch.action
  assert.deepEqual({ id, access, resource }, { id: 'github-app:Credential::hand-out', access: 'write', resource: 'acme/app' })
  assert.deepEqual(parameters, { repository: 'acme/app', 'hand-out': 'git:fetch', 'hand-out-access': 'read' })
  assert.deepEqual(fetch.grant.terms, { shape: 'git', permissions: ['contents:read'], repositories: ['app'] })
  const push = handOut({ kind: 'github-app', plug: 'git', path: 'acme/app', actions: ['git:*'] })
  assert.deepEqual(push.grant.terms.permissions, ['contents:write'])
  const settings = { projects: ['acme/app'] }
  const gitlab = handOut({ kind: 'gitlab', plug: 'git', actions: ['git:fetch'], settings })
  assert.equal(gitlab.grant.terms.scope, 'read_repository', 'the one project that the target lists')
  assert.throws(() => handOut({ kind: 'gitlab', plug: 'git', path: 'acme/other', actions: ['*'] }), isCode('unknown_action'))
  assert.throws(() => handOut({ kind: 'gitlab', plug: 'git', path: 'acme/app', actions: ['http:GET'] }), isCode('unknown_action'))
  assert.throws(() => handOut({ kind: 'github-app', plug: 'git', actions: ['*'] }), isCode('unknown_action'))
})

test('a lease that is handed out is one of its own, and says so', () => {
  const connector = CONNECTORS['github-app']
  assert.ok(connector?.minting)
  const { grant } = handOut({ kind: 'github-app', plug: 'git', path: 'acme/app', actions: ['git:fetch'] })
  const { target } = connector.example
  const action: Action = { id: 'git:fetch', access: 'read', resource: 'acme/app', parameters: { repository: 'acme/app' } }
  const injected = connector.minting.grant({ task: { ...TASK, scope: { targets: [], actions: ['git:fetch'] } }, target, action })
  assert.ok(injected)
  assert.deepEqual(grant.terms, injected.terms)
  assert.notEqual(grant.key, injected.key)
  assert.deepEqual(
    grant.reach,
    injected.reach.map((one) => `${one}, handed out`),
  )
})

test('Docker is handed a password of a registry, and no more than the task may', () => {
  const settings = { projects: ['acme/app'] }
  const pull = handOut({ kind: 'gitlab', plug: 'docker', actions: ['oci:Manifest::get'], settings })
  assert.equal(pull.grant.terms.scope, 'read_registry')
  const push = handOut({ kind: 'gitlab', plug: 'docker', actions: ['*'], settings })
  assert.equal(push.grant.terms.scope, 'write_registry')
  assert.equal(push.action.access, 'write')
  const vault = { plug: 'docker', actions: ['oci:*'] } as const
  assert.equal(
    handOut({ kind: 'vault', ...vault, settings: { username_field: 'username' } }).action.id,
    'vault:Credential::hand-out',
  )
})

test('AWS’s programs are handed a session of the operations that the task names, and of nothing for a scope of everything', () => {
  const { action, grant } = handOut({
    kind: 'aws',
    plug: 'aws',
    actions: ['aws:s3::GetObject', 'aws:dynamodb::PutItem', 'aws:Credential::hand-out'],
  })
  assert.equal(action.access, 'write')
  assert.deepEqual(grant.terms, {
    region: 'eu-central-1',
    grants: ['dynamodb:PutItem *', 's3:GetObject *', 's3:GetObjectVersion *'],
  })
  const reading = handOut({
    kind: 'aws',
    plug: 'aws',
    actions: ['aws:s3::ListObjects'],
    settings: { regions: ['eu-west-1', 'eu-west-2'] },
  })
  assert.deepEqual(grantedIn(reading.grant), [['eu-west-1', 'eu-west-2'], ['s3:ListBucket *']])
  assert.equal(
    handOut({ kind: 'aws', plug: 'aws', actions: ['aws:s3::DeleteObject', 'aws:s3::GetObject'] }).action.access,
    'destructive',
  )
  for (const actions of [['*'], ['aws:s3::*'], ['aws:sts::AssumeRole'], ['aws:unheard::Of'], ['aws:s3::GiveAll']])
    assert.throws(() => handOut({ kind: 'aws', plug: 'aws', actions }), isCode('unknown_action'), String(actions))
})

function grantedIn({ terms }: Grant) {
  return [terms.region, terms.grants]
}

test('kubectl is handed a token of the verbs and types that the task names, in one namespace', () => {
  const actions = ['kubernetes:pods_log::get', 'kubernetes:networking_k8s_io:ingresses::list']
  const { action, grant } = handOut({ kind: 'kubernetes', plug: 'kubectl', actions, settings: { hand_out_namespace: 'web' } })
  assert.deepEqual([action.access, action.resource], ['write', '/api/v1/namespaces/web'])
  const [role] = rolesFor({ name: 'lease-a', namespace: 'stint', place: String(grant.terms.place) }, grant)
  assert.equal(role?.path, '/apis/rbac.authorization.k8s.io/v1/namespaces/web/roles')
  assert.ok(role)
  assert.deepEqual((role.body as { rules: unknown }).rules, [
    { apiGroups: ['', 'apps', 'autoscaling', 'batch', 'extensions', 'policy'], resources: ['pods/log'], verbs: ['get'] },
    { apiGroups: ['networking.k8s.io'], resources: ['ingresses'], verbs: ['list'] },
  ])
  const deleting = [...actions, 'kubernetes:pods::delete', 'kubernetes:pods::get']
  assert.equal(handOut({ kind: 'kubernetes', plug: 'kubectl', actions: deleting }).action.access, 'destructive')
  const rights = { kind: 'kubernetes', plug: 'kubectl', actions: ['kubernetes:rbac_authorization_k8s_io:roles::create'] } as const
  assert.equal(handOut(rights).action.access, 'admin')
  for (const wide of ['*', 'kubernetes:pods::*', 'kubernetes:discovery::get'])
    assert.throws(() => handOut({ kind: 'kubernetes', plug: 'kubectl', actions: [wide] }), isCode('unknown_action'), wide)
})

test('nothing is handed out that the operator has not allowed for the target, that is not minted, or that the plug point does not take', () => {
  const { 'github-app': app, github, postgres } = CONNECTORS
  assert.ok(app && github && postgres)
  const wish = { path: 'acme/app', target: app.example.target, scope: { targets: ['github-app'], actions: ['*'] } }
  assert.throws(() => describeHandOut('git', wish, app), isCode('denied'))
  assert.throws(() => describeHandOut('git', { ...wish, target: { ...wish.target, handsOut: false } }, app), isCode('denied'))
  assert.throws(
    () => describeHandOut('docker', { ...wish, target: { ...wish.target, handsOut: true } }, app),
    isCode('unknown_action'),
  )
  assert.throws(() => describeHandOut('git', { ...wish, target: { ...wish.target, handsOut: true } }, github), isCode('denied'))
  for (const { example } of [github, postgres])
    assert.throws(() => checkTarget({ ...example.target, handsOut: true }, CONNECTORS), /handsOut/)
  assert.equal('handsOut' in checkTarget({ ...app.example.target, handsOut: false }, CONNECTORS), false)
})
