import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { createServer } from 'node:tls'
import { Secret } from '../../src/secret.ts'
import { type Finished, finish, type Installation, startStint } from '../fakes/stint.ts'
import { isInstalled, succeed } from '../fakes/world.ts'
import { startTls } from '../gateway/rig.ts'
import { standingOf } from '../providers/aws.ts'
import { startKubernetes } from '../providers/kubernetes.ts'
import { REGION, ROLE, startMoto } from '../services/moto.ts'
import { findPython } from '../services/python.ts'
import { serviceOrSkip } from '../services/service.ts'

let directory: string
let work: string
let stint: Installation

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stint-plug-test-'))
  work = join(directory, 'work')
  mkdirSync(work)
  stint = await startStint()
})
after(async () => {
  await stint.stop()
  rmSync(directory, { recursive: true, force: true })
})

function run(
  target: string,
  actions: readonly string[],
  command: readonly string[],
  options: readonly string[] = [],
): Promise<Finished> {
  const wish = [
    '--task',
    'plug in',
    '--target',
    target,
    '--ttl',
    '5m',
    ...actions.flatMap((one) => ['--action', one]),
    ...options,
  ]
  return finish(stint.spawn(['run', ...wish, '--', ...command], { cwd: work, stdio: ['pipe', 'pipe', 'pipe'] }))
}

const moto = await startMoto()
const client = await serviceOrSkip(() => findPython('boto3'))

/** boto3, unmodified and around the gateway: by the container endpoint, by credential_process, and the endpoint without its token. */
const SCRIPT = `
import json, os, sys, urllib.request, urllib.error
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
assert not any(name in os.environ for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN'))
def use(session):
  keys, s3 = session.get_credentials(), session.client('s3', endpoint_url=sys.argv[1], region_name=sys.argv[2], config=Config(proxies={}))
  frozen = keys.get_frozen_credentials()
  out = {'method': keys.method, 'id': frozen.access_key, 'secret': frozen.secret_key, 'token': frozen.token}
  out['read'] = s3.get_object(Bucket='acme', Key='docs/a +(b).txt')['Body'].read().decode()
  try: s3.put_object(Bucket='acme', Key='docs/b', Body=b'x')
  except ClientError as error: out['put'] = error.response['Error']['Code']
  return out
def ask(headers):
  request = urllib.request.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], headers=headers)
  try: return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).status
  except urllib.error.HTTPError as error: return error.code
out = [use(boto3.Session()), use(boto3.Session(profile_name='aws'))]
print(json.dumps({'used': out, 'strangers': [ask({}), ask({'Authorization': 'guess'})]}))
`

describe('AWS’s own client around the gateway', { skip: moto.skip || client.skip }, () => {
  const allowed = ['aws:s3::GetObject', 'aws:Credential::hand-out']
  let command: readonly string[]
  before(async () => {
    const { origin } = moto.running
    const place = ['--host', origin, '--private-network', '127.0.0.0/8', '--credential', 'aws', '--environment', 'development']
    const settings = [`role_arn=${ROLE}`, `regions=${REGION}`, `endpoint=${origin}`].flatMap((one) => ['--set', one])
    await succeed(stint.cli(['credential', 'add', 'aws'], standingOf(moto.running).reveal()))
    await succeed(stint.cli(['target', 'add', 'aws', '--connector', 'aws', ...place, ...settings, '--hand-out']))
    writeFileSync(join(work, 'use.py'), SCRIPT)
    command = [client.running, 'use.py', origin, REGION]
  })
  after(() => moto.running.stop())

  test('is handed a session of what the task names, by the container endpoint and by credential_process, and it dies with the task', async () => {
    const { stdout } = await succeed(run('aws', allowed, command, ['--sandbox', 'off']))
    const { used, strangers } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as {
      used: Record<string, string>[]
      strangers: number[]
    }
    assert.deepEqual(
      used.map(({ method, read, put }) => [method, read, put]),
      [
        ['container-role', 'kettle', 'AccessDenied'],
        ['custom-process', 'kettle', 'AccessDenied'],
      ],
    )
    assert.deepEqual(strangers, [401, 401])
    const [{ id = '', secret = '', token = '' } = {}] = used
    const keys = { id, secret: new Secret(secret), token: new Secret(token) }
    const read = () => moto.running.call({ service: 's3', path: '/acme/docs/a%20%2B%28b%29.txt' }, keys)
    while (
      await read().then(
        () => true,
        () => false,
      )
    )
      await new Promise((done) => setTimeout(done, 50))
  })

  test('in a sandbox too, whose loopback nobody else reaches', async () => {
    const prefix = execFileSync(client.running, ['-c', 'import sys; print(sys.prefix)'], { encoding: 'utf8' }).trim()
    const script = 'import boto3; keys = boto3.Session().get_credentials(); print(keys.method, keys.access_key[:4])'
    const { stdout } = await succeed(run('aws', allowed, [client.running, '-c', script], ['--show', prefix]))
    assert.match(stdout, /^container-role ASIA$/m)
  })

  test('is refused for a task that names no operation, which is told why', async () => {
    const { code, stdout, stderr } = await run('aws', ['*'], ['aws-credential-stint', 'aws'])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /operations that the task names.*unknown_action/)
  })
})

/** Version v1 of the exchange is of 1.22; Debian 12 has 1.20. */
function isNewKubectl(): boolean {
  if (!isInstalled('kubectl')) return false
  const told = execFileSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' })
  const { clientVersion } = JSON.parse(told) as { clientVersion: { minor: string } }
  return Number.parseInt(clientVersion.minor, 10) >= 22
}

describe('kubectl', () => {
  const pods = '/api/v1/namespaces/default/pods'
  const allowed = ['kubernetes:pods::list', 'kubernetes:Credential::hand-out']

  /** A cluster over TLS, declared twice at two ports: one hands out, one does not. */
  async function declareCluster(t: TestContext) {
    const kubernetes = await startKubernetes()
    const { trustedCa, options } = await startTls(directory)
    writeFileSync(join(directory, 'cluster-ca.pem'), trustedCa)
    t.after(() => {
      rmSync(join(directory, 'upstream-ca'), { recursive: true })
      return kubernetes.close()
    })
    await succeed(stint.cli(['credential', 'add', `cluster-${kubernetes.host.port}`], kubernetes.standing.reveal()))
    for (const [id, more] of [
      ['handing', ['--hand-out']],
      ['keeping', []],
    ] as const) {
      const server = createServer(options, (socket) => {
        const inner = connect(kubernetes.host.port, '127.0.0.1')
        socket
          .on('error', () => inner.destroy())
          .pipe(inner)
          .on('error', () => socket.destroy())
          .pipe(socket)
      })
      await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
      t.after(() => void server.close())
      const where = [
        '--host',
        `localhost:${(server.address() as AddressInfo).port}`,
        '--ca-file',
        join(directory, 'cluster-ca.pem'),
      ]
      const networks = ['--private-network', '127.0.0.0/8', '--private-network', '::1/128', '--environment', 'development']
      const rest = ['--credential', `cluster-${kubernetes.host.port}`, '--set', 'namespace=stint', ...more]
      await succeed(stint.cli(['target', 'add', id, '--connector', 'kubernetes', ...where, ...networks, ...rest]))
    }
    return kubernetes
  }

  test('speaks ExecCredential, is handed a token of what the task names, and lists with it around the gateway', async (t) => {
    const { objects } = await declareCluster(t)
    t.after(() => succeed(stint.cli(['target', 'remove', 'handing'])).then(() => stint.cli(['target', 'remove', 'keeping'])))
    const info = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: { interactive: false },
    })
    const old = info.replace('/v1', '/v1beta1')
    const exchange = `KUBERNETES_EXEC_INFO='${info}' kubectl-credential-stint handing; KUBERNETES_EXEC_INFO='${old}' kubectl-credential-stint handing; echo $?`
    const exchanged = await succeed(run('handing', allowed, ['sh', '-c', exchange]))
    const [answer = '', code] = exchanged.stdout.split('\n')
    const { apiVersion, kind, status } = JSON.parse(answer) as {
      apiVersion: string
      kind: string
      status: Record<string, string>
    }
    assert.deepEqual([apiVersion, kind, code], ['client.authentication.k8s.io/v1', 'ExecCredential', '1'])
    assert.match(status.token ?? '', /^[\w-]+\.[\w-]+\.[\w-]+$/)
    assert.ok(Date.parse(status.expirationTimestamp ?? '') > Date.now())
    while ([...objects.keys()].length > 0) await new Promise((done) => setTimeout(done, 50))
    if (!isNewKubectl()) return t.skip('there is no kubectl 1.22 or newer: the exchange alone was tried')
    const direct = `sed 's/"proxy-url":"[^"]*",//' "$KUBECONFIG" > direct; env -u HTTPS_PROXY -u https_proxy KUBECONFIG=direct kubectl get --raw`
    const { stdout } = await succeed(run('handing', allowed, ['sh', '-c', `${direct} ${pods}`], ['--sandbox', 'off']))
    assert.match(stdout, /"kind":"PodList"/)
    const more = await run('handing', allowed, ['sh', '-c', `${direct} /api/v1/namespaces/web/pods`], ['--sandbox', 'off'])
    assert.match(more.stderr, /Forbidden/, 'in no other namespace')
    const through = await succeed(run('keeping', ['kubernetes:pods::list'], ['kubectl', 'get', '--raw', pods]))
    assert.match(through.stdout, /"kind":"PodList"/, 'and by a placeholder through the gateway')
  })
})
