import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { type DockerDaemon, startDockerDaemon } from '../fakes/docker-daemon.ts'
import { type Finished, finish, type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { isInstalled, succeed } from '../fakes/world.ts'
import { type Gitlab, startGitlab } from '../providers/gitlab.ts'

const PROJECT = 'git/demo'
const NONE: readonly string[] = []
let directory: string
let gitlab: Gitlab
let code: Upstream
let daemon: DockerDaemon
let stint: Installation
/** All that the server has said. */
let said = ''

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'stint-plug-test-'))
  mkdirSync(join(directory, 'work'))
  gitlab = await startGitlab([PROJECT])
  const isMinted = (given = '') => [...gitlab.tokens.values()].some(({ secret }) => atob(given).endsWith(`:${secret}`))
  code = await startUpstream(join(directory, 'code'), 'none', undefined, ({ headers }) =>
    isMinted(headers.authorization?.replace('Basic ', '')),
  )
  daemon = await startDockerDaemon()
  stint = await startStint()
  for (const stream of [stint.server.stdout, stint.server.stderr]) stream?.on('data', (chunk) => (said += chunk))
  await succeed(stint.cli(['credential', 'add', 'owner'], gitlab.standing.reveal()))
  await declare('handing', `localhost:${code.port}`, '--hand-out')
  await declare('keeping', 'code.example.com')
  await declare('other', 'other.example.com', '--hand-out')
})

/** A GitLab whose API is where the first host says. */
async function declare(id: string, host: string, ...more: readonly string[]): Promise<void> {
  const origin = id === 'handing' ? gitlab.origin : `http://${id}.test`
  const hosts = ['--host', origin, '--host', host, '--private-network', '127.0.0.0/8', '--private-network', '::1/128']
  const rest = ['--credential', 'owner', '--environment', 'development', '--set', `projects=${PROJECT}`]
  await succeed(stint.cli(['target', 'add', id, '--connector', 'gitlab', ...hosts, ...rest, ...more]))
}

after(async () => {
  await stint.stop()
  await Promise.all([gitlab.close(), code.close(), daemon.close()])
  rmSync(directory, { recursive: true, force: true })
})

/** A shell script under a task of these targets, to its end. */
function run(targets: readonly string[], script: string, options = NONE): Promise<Finished> {
  const wish = ['--task', 'plug in', ...targets.flatMap((one) => ['--target', one]), '--ttl', '5m', ...options]
  return finish(
    stint.spawn(['run', ...wish, '--', 'sh', '-c', script], { cwd: join(directory, 'work'), stdio: ['pipe', 'pipe', 'pipe'] }),
  )
}

const asked = (host: string, path = '', protocol = 'https') => `printf 'protocol=${protocol}\\nhost=${host}\\npath=${path}\\n\\n'`
const passwordIn = (text: string) => /^password=(.+)$/m.exec(text)?.[1] ?? ''
const leases = async () =>
  JSON.parse((await succeed(stint.cli(['lease', 'list', '--json']))).stdout) as { items: { state: string; reach?: string[] }[] }

describe('git', () => {
  test('is given a password that ends with the task, by `git credential fill` and by the helper itself', async () => {
    const host = `localhost:${code.port}`
    const { stdout } = await succeed(
      run(
        ['handing'],
        `${asked(host, `${PROJECT}.git`)} | git credential fill; ${asked(host, PROJECT)} | git-credential-stint get`,
      ),
    )
    const [filled = '', helped = ''] = stdout.split(/(?<=^password=.*\n)/m)
    assert.match(filled, /username=stint\npassword=glpat-/)
    assert.equal(passwordIn(helped), passwordIn(filled), 'one lease for both')
    const until = Number(/^password_expiry_utc=(\d+)$/m.exec(stdout)?.[1])
    assert.ok(until > Date.now() / 1000 && until <= Date.now() / 1000 + 300)
  })

  test('clones with it around the gateway, and the password is dead after the task', async () => {
    const url = `https://localhost:${code.port}/${PROJECT}.git`
    const direct = `env -u https_proxy -u HTTPS_PROXY GIT_SSL_CAINFO=${code.caFile} git -c http.proxy= clone -q ${url} cloned`
    const { stdout } = await succeed(
      run(['handing'], `${direct} && cat cloned/README && ${asked(`localhost:${code.port}`, PROJECT)} | git credential fill`, [
        '--sandbox',
        'off',
      ]),
    )
    assert.match(stdout, /^demo$/m)
    const password = passwordIn(stdout)
    assert.match(password, /^glpat-/)
    while ([...gitlab.tokens.values()].some(({ secret }) => secret === password))
      await new Promise((done) => setTimeout(done, 50))
    const header = `http.extraHeader=Authorization: Basic ${btoa(`stint:${password}`)}`
    const env = { PATH: process.env.PATH, GIT_SSL_CAINFO: code.caFile, GIT_TERMINAL_PROMPT: '0' }
    const late = await finish(spawn('git', ['-c', header, 'ls-remote', url], { env }))
    assert.notEqual(late.code, 0)
  })

  test('takes it from `stint helper` as well, where that shows', async () => {
    const bin = join(import.meta.dirname, '..', '..', 'bin', 'stint.js')
    const helper = `!${process.execPath} ${bin} helper git`
    const script = `${asked(`localhost:${code.port}`, PROJECT)} | git -c credential.helper= -c 'credential.helper=${helper}' credential fill`
    const { stdout, stderr } = await succeed(run(['handing'], script, ['--sandbox', 'off']))
    assert.match(passwordIn(stdout), /^glpat-/)
    assert.match(stderr, /^stint: handing: .*handed to git, docker; its use is not recorded$/m)
  })

  test('is told nothing more to do by store, erase and what it may think of yet', async () => {
    const { stdout, stderr } = await succeed(
      run(['handing'], `for verb in store erase capability; do ${asked('x')} | git-credential-stint $verb || exit 9; done`),
    )
    assert.equal(stdout, '')
    assert.doesNotMatch(stderr, /the task has no target/)
  })
})

describe('Docker', () => {
  test('lists its registries and is given a user and a secret, stores nothing, and goes on without where the task has no such registry', async () => {
    const host = `localhost:${code.port}`
    const verbs = `docker-credential-stint list; echo https://${host} | docker-credential-stint get; echo x | docker-credential-stint erase`
    const { stdout } = await succeed(run(['handing'], verbs))
    const [list = '', got = ''] = stdout.split('\n')
    assert.equal((JSON.parse(list) as Record<string, string>)[host], 'stint')
    const { ServerURL, Username, Secret } = JSON.parse(got) as Record<string, string>
    assert.deepEqual([ServerURL, Username, /^glpat-/.test(String(Secret))], [`https://${host}`, 'stint', true])
    const stored = await run(
      ['handing'],
      `echo '{"ServerURL":"${host}","Username":"me","Secret":"mine"}' | docker-credential-stint store`,
    )
    assert.deepEqual([stored.code, /^nothing is stored/.test(stored.stdout)], [1, true])
  })

  test('itself shows it to its daemon', { skip: !isInstalled('docker') && 'docker is not installed' }, async () => {
    const pull = `DOCKER_HOST=${daemon.host} docker pull localhost:${code.port}/acme/app:1`
    await succeed(run(['handing'], pull, ['--sandbox', 'off']))
    const [{ username, password } = {}] = daemon.shown
    assert.deepEqual([username, /^glpat-/.test(String(password))], ['stint', true])
  })
})

describe('nothing is given', () => {
  test('outside of a task, whatever is asked', async () => {
    for (const words of [['git', 'get'], ['aws'], ['kubectl'], ['docker', 'get']]) {
      const { code, stdout, stderr } = await stint.cli(['helper', ...words], 'protocol=https\nhost=localhost\n\n')
      assert.deepEqual([code, stdout], [1, ''])
      assert.match(stderr, /there is no task here/)
    }
  })

  test('of another task’s target, nor by asking Stint for it directly', async () => {
    const own = 'curl -sS -X POST --proxy "$HTTP_PROXY"'
    const script = `${asked('other.example.com', PROJECT)} | git-credential-stint get; echo "exit $?"; ${own} 'http://stint.invalid/hand-out?as=git&target=other'`
    const { stdout, stderr } = await succeed(run(['handing'], script))
    assert.match(stdout, /^exit 1\n.*\(scope_exceeded\)/)
    assert.match(stderr, /the task has no target at other\.example\.com/)
    const scoped = await run(['handing'], `${asked(`localhost:${code.port}`, PROJECT)} | git-credential-stint get`, [
      '--action',
      'git:fetch',
    ])
    assert.deepEqual([scoped.code, scoped.stdout], [1, ''], 'nor where the task may not be handed anything')
    assert.match(scoped.stderr, /stint: .*scope.* \(denied\)/)
  })

  test('of a target that does not hand out but a placeholder, and Stint refuses more', async () => {
    const before = (await leases()).items.length
    const script = `${asked('code.example.com', PROJECT)} | git credential fill; curl -sS -X POST --proxy "$HTTP_PROXY" 'http://stint.invalid/hand-out?as=git&target=keeping'`
    const { stdout } = await succeed(run(['keeping'], script))
    assert.equal(passwordIn(stdout), 'stint-placeholder')
    assert.match(stdout, /\(denied\)/)
    assert.equal((await leases()).items.length, before)
  })

  test('once the task is revoked, or its run is over', async () => {
    const at = join(directory, 'work')
    const fill = `${asked(`localhost:${code.port}`, PROJECT)} | "$0" "$@"`
    const script = `cp -r "$STINT_PLUG" kept; env > environment; : > ready; while [ ! -e revoked ]; do sleep 0.05; done; ${asked(`localhost:${code.port}`, PROJECT)} | git-credential-stint get`
    const running = run(['handing'], script)
    while (!existsSync(join(at, 'ready'))) await new Promise((done) => setTimeout(done, 20))
    const { call } = createClient(() => stint.home)
    const taskId = /^STINT_TASK=(.+)$/m.exec(readFileSync(join(at, 'environment'), 'utf8'))?.[1] ?? ''
    await call('POST', '/v1/revocations', { selector: { kind: 'task', id: taskId }, reason: 'enough' })
    writeFileSync(join(at, 'revoked'), '')
    const { code: exit, stdout, stderr } = await running
    assert.deepEqual([exit, stdout], [1, ''])
    assert.match(stderr, /task_not_live|revoked|run is over/)
    const proxy = /^HTTP_PROXY=(.+)$/m.exec(readFileSync(join(at, 'environment'), 'utf8'))?.[1]
    const env = { PATH: process.env.PATH, STINT_PLUG: join(at, 'kept'), HTTP_PROXY: proxy }
    const late = await finish(
      spawn('sh', ['-c', fill, process.execPath, '--no-warnings', join(at, 'kept', 'main.ts'), 'git', 'get'], { env }),
    )
    assert.deepEqual([late.code, late.stdout], [1, ''])
    assert.match(late.stderr, /the task’s run is over/)
  })
})

test('a lease that was handed out says so, and its secret is in no log, no record and no process’s arguments', async () => {
  const script = `${asked(`localhost:${code.port}`, PROJECT)} | git credential fill > given; cat given; cat /proc/[0-9]*/cmdline | tr '\\0' ' '`
  const { stdout } = await succeed(run(['handing'], script, ['--sandbox', 'off']))
  const password = passwordIn(stdout)
  assert.match(password, /^glpat-/)
  assert.equal(stdout.split(password).length, 2, 'in what was given, and in no command line')
  assert.ok((await leases()).items.some(({ reach }) => reach?.some((one) => /write_repository.*, handed out$/.test(one))))
  const audit = (await succeed(stint.cli(['audit', 'search', '--json', '--limit', '500']))).stdout
  assert.match(audit, /gitlab:Credential::hand-out/)
  assert.equal(audit.includes(password), false)
  assert.equal(said.includes(password), false)
  const found = spawnSync('grep', ['-rlaF', password, stint.home], { encoding: 'utf8' })
  assert.deepEqual([found.status, found.stdout], [1, ''], 'nor in the clear anywhere in the data directory')
})
