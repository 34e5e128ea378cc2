/**
 * G13: a workload in a sandboxed run cannot read Stint's state, reach its operator interface, or use any network but the gateway.
 * One real sandbox; the script inside is the agent and tries everything; each test judges one kind of attempt.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type FakeStint, startFakeStint } from '../run/fake-stint.ts'
import { askInside, isRunning, PROGRAM, startRun, until } from '../run/start-run.ts'

interface Found {
  readonly vault: Record<string, string>
  readonly hidden: Record<string, string>
  readonly writes: Record<string, string>
  readonly net: Record<string, string>
  readonly processes: Record<string, unknown>
  readonly calls: Record<string, number | string>
  readonly gateway: string
  readonly status: string
  readonly environment: Record<string, string>
}

const servers: (() => void)[] = []
let fake: FakeStint
let found: Found
let said = ''

/** A listener on the machine; the answer is where. Being reached is the failure. */
async function trap(at: string | { host: string }): Promise<number> {
  const server: Server = createServer((socket) => socket.end('reached'))
  server.listen(typeof at === 'string' ? { path: at } : { port: 0, ...at })
  await once(server, 'listening')
  servers.push(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

before(async () => {
  fake = await startFakeStint()
  const { home, user, project, directory } = fake
  const put = (path: string, content: string) => {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, content)
  }
  put(join(user, '.ssh/id_ed25519'), 'ssh-secret')
  put(join(user, '.config/gh/hosts.yml'), 'gh-secret')
  put(join(user, '.config/tool/settings'), 'harmless')
  put(join(user, '.cargo/credentials.toml'), 'cargo-secret')
  put(join(user, '.cargo/bin/tool'), 'harmless')
  put(join(user, '.netrc'), 'netrc-secret')
  put(join(user, '.bashrc'), '# original')
  put(join(user, 'dotfiles/aws/credentials'), 'aws-secret')
  symlinkSync('dotfiles/aws', join(user, '.aws'))
  put(join(user, 'elsewhere/key.json'), 'gcp-secret')
  put(join(project, '.env'), 'project-content')
  put(join(project, '.git/config'), '# original')
  put(join(project, '.git/hooks/pre-commit'), '# original')
  put(join(project, '.git/objects/x'), '# original')
  symlinkSync(home, join(user, 'link-to-data'))
  symlinkSync(home, join(project, 'link-to-data'))
  const tcp4 = await trap({ host: '127.0.0.1' })
  const tcp6 = await trap({ host: '::1' })
  const any = await trap({ host: '::' })
  await trap('\0stint-test-abstract')
  await trap(join(project, 'inside.sock'))
  await trap(join(user, 'home.sock'))
  const shm = join('/var/lib', `stint-test-${process.pid}.sock`)
  const machine = await trap(shm).then(
    () => shm,
    () => join(user, 'home.sock'),
  )
  const udp = createSocket('udp4').bind(0, '127.0.0.1')
  await once(udp, 'listening')
  let heard = 0
  udp.on('message', () => {
    heard += 1
  })
  servers.push(() => udp.close())
  const script = agent({
    home,
    user,
    project,
    directory,
    gateway: fake.gateway,
    tcp4,
    tcp6,
    any,
    udp: udp.address().port,
    machine,
    parent: process.pid,
  })
  const env = {
    MY_TOKEN: 'variable-secret',
    KEPT: 'harmless',
    GOOGLE_APPLICATION_CREDENTIALS: join(user, 'elsewhere/key.json'),
    TMPDIR: directory,
  }
  const file = join(project, 'agent.mjs')
  writeFileSync(file, script)
  const libraries = fileURLToPath(new URL('../..', import.meta.resolve('koffi')))
  const run = startRun(fake, ['--show', libraries], [process.execPath, file], { env, under: leakingVault })
  const { code, stdout, stderr } = await run.done
  assert.equal(code, 0, stdout + stderr)
  said = stderr
  found = { ...JSON.parse(stdout), heard }
  assert.equal(heard, 0, 'a datagram left the sandbox')
})

/** A descriptor of the vault that a careless shell left open, where Node does not look. */
function leakingVault(argv: readonly string[]): readonly string[] {
  return ['bash', '-c', 'exec 251<"$0"; exec "$@"', join(fake.home, 'vault.db'), ...argv]
}

after(async () => {
  for (const close of servers) close()
  await fake.close()
})

test('G13: the data directory is empty under every name it has', () => {
  for (const [attempt, result] of Object.entries(found.vault))
    assert.match(result, /^(ENOENT|EACCES|empty|ENOTDIR|ENXIO|ESRCH)$/, attempt)
  assert.ok(Object.keys(found.vault).length > 8)
})

test('G13: the operator socket does not exist, and no other socket of the machine can be connected to', () => {
  const { operator, ...others } = found.net
  assert.equal(operator, 'ENOENT')
  for (const [attempt, result] of Object.entries(others))
    if (attempt.endsWith('.sock')) assert.match(result, /^(ENOENT|ECONNREFUSED|EACCES)$/, attempt)
})

test('G13: no TCP, UDP, IPv6, abstract socket or hypervisor socket leads out', () => {
  for (const attempt of ['gateway', 'tcp4', 'tcp6', 'any', 'internet4', 'internet6', 'dns', 'abstract'])
    assert.match(
      found.net[attempt] ?? '',
      /^(ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|ENOENT|EAI_AGAIN|ESERVFAIL|ETIMEOUT|EPERM|EACCES)$/,
      attempt,
    )
  assert.equal(found.calls.vsock, -97)
})

test('G13: the gateway is reached through the listener inside', () => {
  assert.equal(found.gateway, 'hello from upstream\n')
  assert.deepEqual(fake.seen, ['GET http://upstream.test/'])
})

test('G13: no process outside can be seen, signalled, read or traced', () => {
  const { pids, parent, signal, mem, environ, reaper } = found.processes
  assert.ok((pids as number[]).length <= 3, String(pids))
  assert.deepEqual({ parent, signal, mem, environ }, { parent: 'ENOENT', signal: 'ESRCH', mem: 'ENOENT', environ: 'ENOENT' })
  assert.doesNotMatch(String(reaper), /TOKEN|SECRET|secret|STINT/)
})

test('G13: the user’s standing credentials are not there, also behind symlinks and variables', () => {
  const { visible, ...rest } = found.hidden
  assert.equal(visible, 'harmless harmless project-content')
  for (const [attempt, result] of Object.entries(rest)) assert.match(result, /^(ENOENT|empty)$/, attempt)
})

test('G13: what is hidden is named, in one line for files and one for variables', () => {
  for (const name of ['~/.ssh', '~/.config/gh', '~/.netrc', '~/.aws', '~/.cargo/credentials.toml', 'elsewhere/key.json'])
    assert.match(said, new RegExp(`hidden: .*${name}`))
  assert.match(said, /hidden variables: GOOGLE_APPLICATION_CREDENTIALS MY_TOKEN\n/)
  assert.doesNotMatch(said, /variable-secret/)
})

test('G13: the environment holds no secret, no way to Stint’s data, and placeholders for tools', () => {
  const { MY_TOKEN, STINT_HOME, KEPT, GITHUB_TOKEN, STINT_SANDBOX, STINT_TASK, TMPDIR } = found.environment
  assert.deepEqual([MY_TOKEN, STINT_HOME, TMPDIR], [undefined, undefined, undefined])
  assert.deepEqual([KEPT, GITHUB_TOKEN, STINT_SANDBOX], ['harmless', 'stint-placeholder', 'sandbox'])
  assert.equal(STINT_TASK, fake.task().id)
})

test('G13: nothing outside the working directory can be changed', () => {
  const { project, ...rest } = found.writes
  assert.equal(project, 'written')
  assert.equal(readFileSync(join(fake.project, 'made'), 'utf8'), 'by the agent')
  for (const [attempt, result] of Object.entries(rest))
    assert.match(result, /^(EROFS|EBUSY|EACCES|EPERM|EXDEV|ENOENT|scratch)$/, attempt)
  assert.equal(readFileSync(join(fake.user, '.bashrc'), 'utf8'), '# original')
  assert.equal(readFileSync(join(fake.project, '.git/config'), 'utf8'), '# original')
  assert.ok(!existsSync(join(fake.user, 'new-file')))
  assert.ok(!existsSync(join(fake.project, '.git/hooks/post-commit')))
})

test('G13: no capability, no setuid, no namespace of its own, no keyring, no typing into the terminal', () => {
  assert.match(found.status, /CapEff:\s+0+\n/)
  assert.match(found.status, /CapBnd:\s+0+\n/)
  assert.match(found.status, /NoNewPrivs:\s+1/)
  const { unshare, keyctl, tiocsti, tioclinux, iouring } = found.calls
  assert.ok(unshare !== 'made', `unshare ${unshare}`)
  assert.deepEqual({ keyctl, tiocsti, tioclinux, iouring }, { keyctl: -38, tiocsti: -1, tioclinux: -1, iouring: -38 })
})

test('G13: no descriptor is left open for the command but the standard three', async () => {
  const { stdout } = await startRun(fake, [], ['sh', '-c', 'for fd in /proc/$$/fd/*; do readlink $fd; done'], {
    under: leakingVault,
  }).done
  assert.equal(stdout.trim().split('\n').length, 3, stdout)
  assert.doesNotMatch(stdout, /vault/)
})

test('G13: a daemon does not outlive the task', async () => {
  const ready = join(fake.project, 'daemon')
  const daemon = `setsid nohup sh -c 'trap "" TERM HUP; touch ${ready}; while :; do sleep 0.05; done # daemon-of-task' >/dev/null 2>&1 &`
  const run = startRun(fake, [], ['sh', '-c', `${daemon} while [ ! -e ${ready}.go ]; do sleep 0.02; done; exit 3`])
  await until(() => existsSync(ready))
  assert.ok(isRunning('daemon-of-task'))
  writeFileSync(`${ready}.go`, '')
  assert.equal((await run.done).code, 3)
  assert.ok(!isRunning('daemon-of-task'))
})

test('G13: killing stint run kills everything inside, and its presence is lost', async () => {
  const ready = join(fake.project, 'beat')
  const loop = `touch ${ready}; while :; do sleep 0.05; done # inside-the-killed`
  const run = startRun(fake, [], ['sh', '-c', `setsid sh -c '${loop}' & wait`])
  await until(() => existsSync(ready) && fake.task().present === 1)
  assert.ok(isRunning('inside-the-killed'))
  run.child.kill('SIGKILL')
  await run.done
  await until(() => fake.task().present === 0 && !isRunning('inside-the-killed'))
})

test('G13: bind mounts of the data directory are masked too', async () => {
  const alias = join(fake.directory, 'alias')
  mkdirSync(alias)
  const inside = ['sh', '-c', `ls -A ${alias} /srv 2>&1; cat ${alias}/vault.db /srv/vault.db 2>&1`]
  const run = ['run', '--task', 't', '--target', 'github', '--', ...inside]
  const args = [
    '--dev-bind',
    '/',
    '/',
    '--bind',
    fake.home,
    alias,
    '--bind',
    fake.home,
    '/srv',
    '--',
    process.execPath,
    PROGRAM,
    ...run,
  ]
  const outer = spawn('bwrap', args, {
    cwd: fake.project,
    env: { PATH: process.env.PATH, HOME: fake.user, STINT_HOME: fake.home },
  })
  let output = ''
  for (const stream of [outer.stdout, outer.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  await once(outer, 'close')
  assert.match(output, /sandbox: the gateway is the only network/)
  assert.doesNotMatch(output, /vault-secret|operator\.sock/)
})

test('G13: what is allowed by name is shown, and nothing else', async () => {
  const script = `import { readFileSync as r } from 'node:fs'; import { homedir as h } from 'node:os'
    const at = (p) => { try { return r(h() + p, 'utf8') } catch (e) { return e.code } }
    console.log(JSON.stringify([at('/.ssh/id_ed25519'), at('/.aws/credentials'), at('/.netrc'), process.env.MY_TOKEN]))`
  const shown = await askInside<string[]>(fake, ['--allow', 'ssh', '--allow', 'aws', '--env', 'MY_TOKEN'], script, {
    env: { MY_TOKEN: 'passed' },
  })
  assert.deepEqual(shown, ['ssh-secret', 'aws-secret', 'ENOENT', 'passed'])
})

test('G13: a working directory that would give more away is refused before a task starts', async () => {
  const before = fake.tasks.size
  const link = (name: string, to: string) => {
    symlinkSync(to, join(fake.project, name))
    return join(fake.project, name)
  }
  mkdirSync(join(fake.home, 'deep'))
  for (const [cwd, why] of [
    [fake.user, /holds a home/],
    [link('to-home', fake.user), /holds a home/],
    [link('to-data', fake.home), /data directory/],
    [link('to-root', '/'), /holds a home/],
    [join(fake.home, 'deep'), /data directory/],
    ['/', /holds a home/],
    ['/var/tmp', /shared/],
    [fake.home, /data directory/],
    [join(fake.user, '.ssh'), /--allow ssh/],
    [join(fake.user, 'dotfiles/aws'), /--allow aws/],
  ] as const) {
    const { code, stderr } = await startRun(fake, [], ['true'], { cwd }).done
    assert.equal(code, 2, cwd)
    assert.match(stderr, why)
  }
  assert.equal(fake.tasks.size, before)
})

test('G13: a working directory that gives nothing more away is taken, also through a symlink', async () => {
  symlinkSync(fake.project, join(fake.directory, 'to-project'))
  const script = `pwd -P; cat "${fake.home}/vault.db" "${fake.user}/.ssh/id_ed25519" 2>/dev/null`
  const { stdout } = await startRun(fake, [], ['sh', '-c', script], { cwd: join(fake.directory, 'to-project') }).done
  assert.equal(stdout, `${fake.project}\n`)
})

test('G13: what the command could have written, a script’s interpreter or a symlink, shows nothing outside', async () => {
  const elsewhere = join(fake.directory, 'elsewhere')
  mkdirSync(join(elsewhere, 'bin'), { recursive: true })
  writeFileSync(join(elsewhere, 'secret'), 'elsewhere-secret')
  writeFileSync(join(elsewhere, 'bin/cat'), `#!/bin/cat ${join(elsewhere, 'secret')}\n`, { mode: 0o755 })
  writeFileSync(join(fake.project, 'script'), `#!${join(elsewhere, 'bin/cat')}\n`, { mode: 0o755 })
  symlinkSync(join(elsewhere, 'bin/cat'), join(fake.project, 'link'))
  for (const command of ['./script', './link']) {
    const { code, stdout, stderr } = await startRun(fake, [], [command]).done
    assert.deepEqual([code, stdout], [126, ''])
    assert.match(stderr, /does not show in the sandbox; --show/)
  }
})

test('G13: a data directory inside the working directory is masked and cannot be moved away', async () => {
  const nested = join(fake.project, 'state', 'stint')
  mkdirSync(join(fake.project, 'state'))
  symlinkSync(fake.home, join(fake.project, 'state', 'other'))
  const { stdout, stderr, code } = await startRun(fake, [], ['sh', '-c', `cat state/other/vault.db 2>&1; true`]).done
  assert.equal(code, 0, stderr)
  assert.doesNotMatch(stdout, /vault-secret/)
  const moved = await startFakeStint()
  try {
    mkdirSync(nested)
    const project = realpathSync(join(moved.home, '..'))
    const script = `ls -A data; cat data/vault.db; mv data elsewhere; mv home elsewhere2; true`
    const run = startRun(moved, [], ['sh', '-c', script], { cwd: project, env: { HOME: '/nonexistent' } })
    const result = await run.done
    assert.doesNotMatch(result.stdout, /vault-secret|ca\.pem/)
    assert.match(result.stderr, /cannot move 'data'/)
    assert.ok(existsSync(join(moved.home, 'vault.db')))
  } finally {
    await moved.close()
  }
})

test('G13: where no sandbox is to be had the run says so, and require refuses', async () => {
  const bin = join(fake.directory, 'bin')
  mkdirSync(bin)
  symlinkSync('/bin/echo', join(bin, 'echo'))
  const env = { PATH: bin }
  const auto = await startRun(fake, [], ['echo', 'ran'], { env }).done
  assert.deepEqual([auto.code, auto.stdout], [0, 'ran\n'])
  assert.match(auto.stderr, /no sandbox \(bubblewrap \(bwrap\) is not installed\): your files, credentials/)
  writeFileSync(join(bin, 'bwrap'), '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2; exit 1\n', {
    mode: 0o755,
  })
  const before = fake.tasks.size
  const required = await startRun(fake, ['--sandbox', 'require'], ['echo', 'ran'], { env }).done
  assert.deepEqual([required.code, required.stdout], [125, ''])
  assert.match(required.stderr, /^stint: bubblewrap does not work here: bwrap: No permissions/)
  assert.equal(fake.tasks.size, before)
})

interface Places {
  readonly home: string
  readonly user: string
  readonly project: string
  readonly directory: string
  readonly gateway: string
  readonly tcp4: number
  readonly tcp6: number
  readonly any: number
  readonly udp: number
  readonly machine: string
  readonly parent: number
}

/** The program of a hostile agent. */
function agent(places: Places): string {
  const koffi = fileURLToPath(import.meta.resolve('koffi'))
  return `
import { createRequire } from 'node:module'
import { readFileSync, readdirSync, writeFileSync, renameSync, unlinkSync, linkSync, readlinkSync, openSync, closeSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { Resolver } from 'node:dns/promises'
import http from 'node:http'
const { home, user, project, directory, gateway, tcp4, tcp6, any, udp, machine, parent } = ${JSON.stringify(places)}
const attempt = (work) => { try { return work() } catch (error) { return error.code ?? String(error) } }
const read = (path) => attempt(() => readFileSync(path, 'utf8') || 'empty')
const list = (path) => attempt(() => readdirSync(path).join(' ') || 'empty')
const reach = (options) => new Promise((done) => {
  const socket = connect(options)
  socket.setTimeout(2000, () => done('timeout'))
  socket.on('error', (error) => done(error.code))
  socket.on('connect', () => done('reached'))
})
const vault = {
  list: list(home), file: read(home + '/vault.db'), linkHome: list(user + '/link-to-data'), linkProject: list(project + '/link-to-data'),
  root1: list('/proc/1/root' + home), rootSelf: list('/proc/self/root' + home), cwd: list('/proc/1/cwd/../../data'), dots: list(project + '/../../data'),
  parentRoot: list('/proc/' + parent + '/root' + home), fd: attempt(() => { for (const fd of readdirSync('/proc/1/fd')) { const at = readlinkSync('/proc/1/fd/' + fd); if (at.includes('vault')) return at } return 'empty' }),
  inherited: attempt(() => readFileSync(251, 'utf8')).replace('EBADF', 'ENOENT'), hardlink: attempt(() => linkSync(home + '/vault.db', project + '/hard')),
}
const hidden = {
  ssh: read(user + '/.ssh/id_ed25519'), gh: read(user + '/.config/gh/hosts.yml'), cargo: read(user + '/.cargo/credentials.toml'), netrc: read(user + '/.netrc'),
  aws: read(user + '/.aws/credentials'), awsTarget: read(user + '/dotfiles/aws/credentials'), gcp: read(user + '/elsewhere/key.json'),
  visible: [read(user + '/.config/tool/settings'), read(user + '/.cargo/bin/tool'), read(project + '/.env')].join(' '),
}
const write = (path) => attempt(() => { writeFileSync(path, 'by the agent'); return 'written' })
// Of the machine itself nothing is ever written, only opened: a broken sandbox must not harm who tests it.
const open = (path) => attempt(() => { closeSync(openSync(path, 'r+')); return 'opened for writing' })
const scratch = (path) => { const result = write(path); return result === 'written' ? 'scratch' : result }
const writes = {
  project: write(project + '/made'), bashrc: write(user + '/.bashrc'), replace: attempt(() => { writeFileSync(user + '/x', 'evil'); renameSync(user + '/x', user + '/.bashrc'); return 'replaced' }),
  newFile: scratch(user + '/new-file'), etc: open('/etc/passwd'), usr: open('/usr/bin/env'), inData: write(home + '/config.yaml'),
  gitConfig: write(project + '/.git/config'), hook: write(project + '/.git/hooks/post-commit'), hookOver: write(project + '/.git/hooks/pre-commit'),
  moveGit: attempt(() => { renameSync(project + '/.git', project + '/git2'); return 'moved' }), moveHooks: attempt(() => { renameSync(project + '/.git/hooks', project + '/.git/h2'); return 'moved' }),
  moveConfig: attempt(() => { renameSync(project + '/made', project + '/.git/config'); return 'moved' }), removeGit: attempt(() => { unlinkSync(project + '/.git/config'); return 'removed' }),
  runFiles: write('/run/stint/ca.pem'), shm: scratch('/dev/shm/x'), tmp: scratch('/tmp/x'), sysrq: open('/proc/sysrq-trigger'), core: open('/proc/sys/kernel/core_pattern'), host: open('/proc/sys/kernel/hostname'), uevent: open('/sys/kernel/uevent_helper'),
}
const [host, port] = gateway.split(':')
const net = {
  operator: await reach({ path: home + '/operator.sock' }), gateway: await reach({ host, port: Number(port) }),
  tcp4: await reach({ host: '127.0.0.1', port: tcp4 }), tcp6: await reach({ host: '::1', port: tcp6 }), any: await reach({ host: '127.0.0.1', port: any }),
  internet4: await reach({ host: '1.1.1.1', port: 443 }), internet6: await reach({ host: '2606:4700:4700::1111', port: 443 }),
  abstract: await reach({ path: '\\0stint-test-abstract' }), 'inside.sock': await reach({ path: project + '/inside.sock' }),
  'home.sock': await reach({ path: user + '/home.sock' }), 'machine.sock': await reach({ path: machine }),
  dns: await (async () => { const r = new Resolver({ timeout: 500, tries: 1 }); r.setServers(['127.0.0.1:' + udp]); return r.resolve4('example.com').then(() => 'resolved', (error) => error.code) })(),
}
await new Promise((done) => { const s = createSocket('udp4'); s.on('error', done); s.send('leak', udp, '127.0.0.1', () => { s.close(); done() }) })
const libc = createRequire(import.meta.url)(${JSON.stringify(koffi)}).load('libc.so.6')
const syscall = libc.func('long syscall(long n, long a, long b, long c, long d)')
const errno = createRequire(import.meta.url)(${JSON.stringify(koffi)}).errno
const call = (n, a = 0, b = 0, c = 0, d = 0) => { const r = Number(syscall(n, a, b, c, d)); return r < 0 ? -errno() : r }
const arm = process.arch === 'arm64'
const calls = {
  vsock: call(arm ? 198 : 41, 40, 1, 0), unshare: attempt(() => { execFileSync('unshare', ['-U', 'true'], { stdio: 'pipe' }); return 'made' }, 0), keyctl: call(arm ? 219 : 250, 0, -3, 0),
  tiocsti: call(arm ? 29 : 16, 0, 0x5412, 0), tioclinux: call(arm ? 29 : 16, 0, 0x541c, 0), iouring: call(425, 1, 0),
}
const processes = {
  pids: readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map(Number), parent: list('/proc/' + parent), signal: attempt(() => process.kill(parent, 0)),
  mem: attempt(() => openSync('/proc/' + parent + '/mem', 'r')), environ: read('/proc/' + parent + '/environ'), reaper: read('/proc/1/environ'),
}
const answer = await new Promise((done) => http.get({ host: '127.0.0.1', port: new URL(process.env.HTTP_PROXY).port, path: 'http://upstream.test/', agent: false }, async (r) => { let t = ''; for await (const c of r) t += c; done(t) }))
console.log(JSON.stringify({ vault, hidden, writes, net, processes, calls, gateway: answer, status: readFileSync('/proc/self/status', 'utf8'), environment: process.env }))
process.exit(0)
`
}
