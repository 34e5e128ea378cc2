import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ShownTarget } from '../../src/run/environment.ts'
import { awsTargetToServe, planOf, plugVariables } from '../../src/run/plugs.ts'

const target: ShownTarget = {
  ...{ id: 'aws', connector: 'aws', environment: 'unknown', sensitivity: 'internal', labels: [], privateNetworks: [] },
  ...{ hosts: [{ scheme: 'https', host: '*.amazonaws.com', port: 443 }], credentialId: 'key', placement: { kind: 'none' } },
  ...{ placeholderVariables: [], plugPoints: ['aws'] },
}
const keeping: ShownTarget = { ...target, id: 'kept', plugPoints: [] }
const cluster: ShownTarget = { ...keeping, id: 'web', connector: 'kubernetes' }
const registry: ShownTarget = { ...keeping, connector: 'oci', hosts: [{ scheme: 'https', host: 'reg.test', port: 443 }] }
const told = { targets: [target], allowed: [], filesAt: '/f', searchPath: '/usr/bin', awsPort: 7 }

test('AWS’s endpoint is for the one target there is, where that hands out, and comes before nothing of the user’s', () => {
  assert.equal(awsTargetToServe([target, cluster]), target)
  assert.equal(awsTargetToServe([keeping]), undefined)
  assert.equal(awsTargetToServe([target, keeping]), undefined)
  const variables = plugVariables(told)
  assert.equal(variables.AWS_CONTAINER_CREDENTIALS_FULL_URI, 'http://127.0.0.1:7/credentials')
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI', 'AWS_CONTAINER_AUTHORIZATION_TOKEN'])
    assert.ok(name in variables && variables[name] === undefined, name)
  assert.equal(variables.AWS_SHARED_CREDENTIALS_FILE, '/f/empty')
  assert.deepEqual(
    Object.keys(plugVariables({ ...told, awsPort: undefined })).filter((name) => name.startsWith('AWS_')).length,
    2,
  )
})

test('only programs that a target is for are led to the run’s files, and none whose own settings the user shows', () => {
  assert.deepEqual(Object.keys(plugVariables({ ...told, targets: [keeping], awsPort: undefined })).sort(), ['PATH', 'STINT_PLUG'])
  const all = { ...told, targets: [target, cluster, registry] }
  const { KUBECONFIG, DOCKER_CONFIG, AWS_CONFIG_FILE } = plugVariables(all)
  assert.deepEqual([KUBECONFIG, DOCKER_CONFIG, AWS_CONFIG_FILE], ['/f/kubeconfig', '/f/docker', '/f/aws-config'])
  assert.deepEqual(Object.keys(plugVariables({ ...all, allowed: ['kube', 'docker', 'aws'] })).sort(), ['PATH', 'STINT_PLUG'])
})

test('the run’s programs are found first, and an empty PATH does not become the working directory', () => {
  assert.equal(plugVariables(told).PATH, '/f/bin:/usr/bin')
  assert.equal(plugVariables({ ...told, searchPath: '' }).PATH, '/f/bin')
})

test('the plan has the placeholder that the gateway replaces, and none where it injects nothing', () => {
  const { credentialId: _, ...bare } = keeping
  const placed: ShownTarget = { ...keeping, placement: { kind: 'placeholder', placeholder: '{{KEY}}', body: false } }
  assert.deepEqual(
    planOf([keeping, placed, bare]).map(({ placeholder }) => placeholder),
    ['stint-placeholder', '{{KEY}}', undefined],
  )
})
