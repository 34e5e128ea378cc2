import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { buildEnvironment, type ShownTarget, type Told } from '../../src/run/environment.ts'
import { javaKeyStore } from '../../src/run/jks.ts'

const target: ShownTarget = {
  ...{ id: 't', connector: 'c', environment: 'unknown', sensitivity: 'internal', labels: [], privateNetworks: [] },
  hosts: [
    { scheme: 'https', host: 'git.example', port: 443 },
    { scheme: 'https', host: '*.wild.example', port: 443 },
    { scheme: 'https', host: 'port.example', port: 8443 },
  ],
  placement: { kind: 'placeholder', placeholder: '{{T}}', body: false },
  placeholderVariables: ['T_TOKEN'],
  plugPoints: [],
}
const told: Told = {
  ...{
    taskId: 'task_1',
    proof: 'sandbox',
    proxy: new URL('http://127.0.0.1:8080'),
    caBundle: '/run/ca.pem',
    trustStore: '/run/jks',
    gitConfig: '/run/git',
  },
  gitHelper: [],
  wired: {},
  targets: [target],
}

test('everything that names a proxy names ours, whatever it was before, and no host is exempt', () => {
  const inherited = {
    HTTPS_PROXY: 'http://other:1',
    no_proxy: '*',
    ALL_PROXY: 'socks5://other',
    npm_config_https_proxy: 'http://other',
    PIP_PROXY: 'http://other',
  }
  const { HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, https_proxy, NO_PROXY, no_proxy, npm_config_https_proxy, PIP_PROXY } =
    buildEnvironment(inherited, told)
  assert.deepEqual(new Set([HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, https_proxy]), new Set(['http://127.0.0.1:8080']))
  assert.deepEqual([NO_PROXY, no_proxy, npm_config_https_proxy, PIP_PROXY], ['', '', undefined, undefined])
})

test('what the child is told of Stint is the task and the mode, and inherited settings of Stint and git are gone', () => {
  const inherited = {
    STINT_HOME: '/data',
    STINT_TASK: 'forged',
    GIT_CONFIG_COUNT: '9',
    GIT_CONFIG_KEY_8: 'core.sshCommand',
    GIT_CONFIG_PARAMETERS: 'x',
  }
  const environment = buildEnvironment(inherited, told)
  assert.deepEqual([environment.STINT_HOME, environment.STINT_TASK, environment.STINT_SANDBOX], [undefined, 'task_1', 'sandbox'])
  assert.deepEqual([environment.GIT_CONFIG_KEY_8, environment.GIT_CONFIG_PARAMETERS], [undefined, undefined])
})

test('a placeholder is what the target wants, and never replaces a variable that was passed on purpose', () => {
  assert.equal(buildEnvironment({}, told).T_TOKEN, '{{T}}')
  assert.equal(buildEnvironment({ T_TOKEN: 'passed' }, told).T_TOKEN, 'passed')
  const header = { ...target, placement: { kind: 'header', name: 'authorization', prefix: '' } } as const
  assert.equal(buildEnvironment({}, { ...told, targets: [header] }).T_TOKEN, 'stint-placeholder')
})

test('a profile of AWS goes where placeholder keys come, and stays elsewhere', () => {
  const inherited = { AWS_PROFILE: 'dev', AWS_DEFAULT_PROFILE: 'dev', AWS_REGION: 'eu-1' }
  const profiles = ({ AWS_PROFILE, AWS_DEFAULT_PROFILE, AWS_REGION }: Record<string, string>) => [
    AWS_PROFILE,
    AWS_DEFAULT_PROFILE,
    AWS_REGION,
  ]
  assert.deepEqual(profiles(buildEnvironment(inherited, told)), ['dev', 'dev', 'eu-1'])
  const aws = { ...target, placeholderVariables: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'] }
  assert.deepEqual(profiles(buildEnvironment(inherited, { ...told, targets: [aws] })), [undefined, undefined, 'eu-1'])
})

test('git asks no helper and takes SSH remotes of exact HTTPS hosts over HTTPS; its own configuration is left alone when shown', () => {
  const settings = (environment: Record<string, string>) =>
    Array.from(
      { length: Number(environment.GIT_CONFIG_COUNT) },
      (_, at) => `${environment[`GIT_CONFIG_KEY_${at}`]}=${environment[`GIT_CONFIG_VALUE_${at}`]}`,
    )
  const rewrites = [
    'url.https://git.example/.insteadOf=git@git.example:',
    'url.https://git.example/.insteadOf=ssh://git@git.example/',
  ]
  assert.deepEqual(settings(buildEnvironment({}, told)), ['credential.helper=', 'http.proxy=http://127.0.0.1:8080', ...rewrites])
  const [first] = told.targets
  assert.ok(first !== undefined)
  const overSsh = { ...first, hosts: [{ scheme: 'ssh', host: 'git.example', port: 22 } as const] }
  const both = buildEnvironment({}, { ...told, targets: [...told.targets, overSsh] })
  assert.deepEqual(settings(both), ['credential.helper=', 'http.proxy=http://127.0.0.1:8080'])
  const shown = buildEnvironment({}, { ...told, gitConfig: undefined })
  assert.deepEqual([settings(shown)[0], shown.GIT_CONFIG_GLOBAL], ['http.proxy=http://127.0.0.1:8080', undefined])
})

test('a Java truststore holds each certificate and its own digest', () => {
  const certificates = rootCertificates.slice(0, 3)
  const store = javaKeyStore(certificates, 'secret')
  assert.deepEqual([store.readUInt32BE(0), store.readUInt32BE(4), store.readUInt32BE(8)], [0xfeedfeed, 2, 3])
  for (const pem of certificates)
    assert.ok(store.includes(Buffer.from(pem.split('\n').slice(1, -1).join(''), 'base64').subarray(0, 64)))
  const digest = createHash('sha1')
    .update(Buffer.from('secret', 'utf16le').swap16())
    .update('Mighty Aphrodite')
    .update(store.subarray(0, -20))
    .digest()
  assert.deepEqual(store.subarray(-20), digest)
})
