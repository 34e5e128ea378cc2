import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Given, Want } from '../../src/run/plug/ask.ts'
import { answerAws } from '../../src/run/plug/aws.ts'
import { answerDocker } from '../../src/run/plug/docker.ts'
import { answerGit } from '../../src/run/plug/git.ts'
import { answerKubectl } from '../../src/run/plug/kubectl.ts'
import { plugIn } from '../../src/run/plug/main.ts'
import { type PlugTarget, Refused } from '../../src/run/plug/plan.ts'

const host = (name: string, port = 443, scheme = 'https') => ({ scheme, host: name, port })
const handing: PlugTarget = {
  id: 'code',
  connector: 'gitlab',
  hosts: [host('code.test'), host('*.wild.test')],
  plugPoints: ['git', 'docker'],
}
const keeping: PlugTarget = {
  id: 'kept',
  connector: 'oci',
  hosts: [host('kept.test', 5000)],
  plugPoints: [],
  placeholder: '{{KEY}}',
}
const open: PlugTarget = { id: 'open', connector: 'oci', hosts: [host('open.test')], plugPoints: [] }
const aws: PlugTarget = { id: 'aws', connector: 'aws', hosts: [host('*.amazonaws.com')], plugPoints: ['aws'] }
const cluster: PlugTarget = { id: 'web', connector: 'kubernetes', hosts: [host('k.test', 6443)], plugPoints: ['kubectl'] }
const plan = [handing, keeping, open, aws, cluster]

/** What was asked for, and a Stint that gives these fields until 2033. */
function giving(fields: Record<string, string>) {
  const wanted: Want[] = []
  const ask = async (want: Want): Promise<Given> => {
    wanted.push(want)
    return { fields, expiresAt: 2_000_000_000_999 }
  }
  return { wanted, ask }
}

const never = (): Promise<Given> => assert.fail('Stint was asked')
const BASIC = { username: 'stint', password: 'minted' }

test('git names the repository it is for, and gets a password with its last second', async () => {
  const { wanted, ask } = giving(BASIC)
  const said = 'username=stint\npassword=minted\npassword_expiry_utc=2000000000\n'
  for (const path of ['acme/app.git', 'acme/app', 'acme/app.git/info/lfs', 'acme/app/'])
    assert.equal(await answerGit('get', `protocol=https\nhost=code.test\npath=${path}\n\n`, plan, ask), said)
  assert.deepEqual(new Set(wanted.map((want) => JSON.stringify(want))).size, 1)
  assert.deepEqual(wanted[0], { as: 'git', target: 'code', path: 'acme/app' })
  await answerGit('get', 'capability[]=authtype\nprotocol=https\nhost=a.wild.test:443\nwwwauth[]=Basic realm="a=b"\n', plan, ask)
  assert.deepEqual(wanted.at(-1), { as: 'git', target: 'code' })
})

test('git gets nothing for another place, and no answer that would say more than one thing', async () => {
  for (const place of [
    'https\nhost=code.test:8443',
    'http\nhost=code.test',
    'https\nhost=evil-code.test',
    'https\nhost=wild.test',
    'ssh\nhost=code.test',
  ])
    await assert.rejects(answerGit('get', `protocol=${place}\n\n`, plan, never), Refused, place)
  const { ask } = giving({ username: 'stint', password: 'a\nquit=1' })
  await assert.rejects(answerGit('get', 'protocol=https\nhost=code.test\n\n', plan, ask), Refused)
  for (const verb of ['store', 'erase', 'capability'])
    assert.equal(await answerGit(verb, 'protocol=https\nhost=code.test\n', plan, never), '')
})

test('where a target does not hand out, the placeholder that the gateway replaces is given, and nothing where it replaces none', async () => {
  const git = await answerGit('get', 'protocol=https\nhost=kept.test:5000\n\n', plan, never)
  assert.equal(git, 'username=stint\npassword={{KEY}}\n')
  const docker = JSON.parse(await answerDocker('get', 'kept.test:5000\n', plan, never)) as unknown
  assert.deepEqual(docker, { ServerURL: 'kept.test:5000', Username: 'stint', Secret: '{{KEY}}' })
  await assert.rejects(answerGit('get', 'protocol=https\nhost=open.test\n\n', plan, never), Refused)
  await assert.rejects(answerDocker('get', 'open.test', plan, never), /^Error: credentials not found in native keychain$/)
})

test('Docker names a registry by host or URL, hears of those there are, and stores nothing', async () => {
  const { wanted, ask } = giving(BASIC)
  for (const server of ['code.test', 'https://code.test', 'https://code.test/v2/', 'code.test:443'])
    assert.deepEqual(JSON.parse(await answerDocker('get', `${server}\n`, plan, ask)), {
      ServerURL: server,
      Username: 'stint',
      Secret: 'minted',
    })
  assert.deepEqual(wanted[0], { as: 'docker', target: 'code' })
  const listed = JSON.parse(await answerDocker('list', '', plan, never)) as unknown
  assert.deepEqual(listed, { 'code.test': 'stint', 'kept.test:5000': 'stint', 'open.test': 'stint' })
  for (const [verb, input] of [
    ['get', ''],
    ['get', 'code.test:5000'],
    ['store', '{}'],
    ['steal', 'code.test'],
  ] as const)
    await assert.rejects(answerDocker(verb, input, plan, never), Refused)
})

test('AWS gets a session and when it ends, for the target that is named or the only one', async () => {
  const { wanted, ask } = giving({ id: 'ASIA1', secret: 's', token: 't' })
  const session = {
    Version: 1,
    AccessKeyId: 'ASIA1',
    SecretAccessKey: 's',
    SessionToken: 't',
    Expiration: '2033-05-18T03:33:20Z',
  }
  assert.deepEqual(JSON.parse(await answerAws(undefined, plan, ask)), session)
  assert.deepEqual(wanted, [{ as: 'aws', target: 'aws' }])
  const two = [...plan, { ...aws, id: 'second', plugPoints: [], placeholder: 'stint-placeholder' }]
  await assert.rejects(answerAws(undefined, two, never), /name one of aws, second/)
  const kept = { Version: 1, AccessKeyId: 'stint-placeholder', SecretAccessKey: 'stint-placeholder' }
  assert.deepEqual(JSON.parse(await answerAws('second', two, never)), kept)
  for (const other of ['code', 'third']) await assert.rejects(answerAws(other, two, never), Refused)
})

test('kubectl gets an ExecCredential of version v1, and of no other', async () => {
  const { ask } = giving({ token: 'a.b.c' })
  const apiVersion = 'client.authentication.k8s.io/v1'
  const status = { expirationTimestamp: '2033-05-18T03:33:20Z', token: 'a.b.c' }
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec: { interactive: false } })
  assert.deepEqual(JSON.parse(await answerKubectl('web', info, plan, ask)), { apiVersion, kind: 'ExecCredential', status })
  for (const wrong of [info.replace('/v1', '/v1beta1'), '{', 'null', ''])
    await assert.rejects(answerKubectl('web', wrong, plan, never), Refused)
  await assert.rejects(answerKubectl('code', info, plan, never), Refused)
})

test('outside of a task, or after it, each refuses in one line and says nothing on standard output', async () => {
  for (const env of [{}, { STINT_PLUG: '' }])
    for (const plug of ['git', 'aws', 'kubectl', 'docker'] as const) {
      const { code, stdout, stderr } = await plugIn(plug, 'get', env, (async function* () {})())
      assert.deepEqual([code, stdout, stderr.split('\n').length], [1, '', 2])
      assert.match(stderr, /^stint: there is no task here/)
    }
  const over = await plugIn('docker', 'get', { STINT_PLUG: '/nonexistent' }, (async function* () {})())
  assert.deepEqual(over, { code: 1, stdout: 'the task’s run is over\n', stderr: 'stint: the task’s run is over\n' })
})

test('a plug of another name is none', () => {
  const main = fileURLToPath(new URL('../../src/run/plug/main.ts', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'svn', 'get'], { encoding: 'utf8', input: '' })
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(stderr, /there are plugs for git, aws, kubectl, docker/)
})
