import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Finished, finish, type Installation, startStint } from '../fakes/stint.ts'
import { firstOutput, isInstalled, succeed } from '../fakes/world.ts'
import { sshTarget } from '../providers/ssh.ts'
import { startOpenSsh, USERS } from '../services/openssh.ts'

const service = await startOpenSsh(['Subsystem sftp internal-sftp'])
const missing = ['ssh', 'scp', 'sftp', 'rsync', 'git'].filter((program) => !isInstalled(program))
const skip = service.skip || (missing.length > 0 && `not installed: ${missing.join(', ')}`)

describe('ssh and what is built on it, unmodified, under a task', { skip }, () => {
  let stint: Installation
  const directory = mkdtempSync(join(tmpdir(), 'stint-ssh-'))
  const workspace = join(directory, 'workspace')
  const far = (name: string): string => join(service.running.directory, name)

  before(async () => {
    const { running } = service
    mkdirSync(workspace)
    stint = await startStint()
    const { settings = {} } = sshTarget(running)
    await succeed(stint.cli(['credential', 'add', 'ssh-ca'], running.ca))
    for (const [name, principals] of [
      ['web', [USERS.deploy]],
      ['both', [USERS.other, USERS.deploy]],
    ] as const) {
      const set = Object.entries({ ...settings, principals }).flatMap(([key, value]) =>
        [value].flat().flatMap((one) => ['--set', `${key}=${one}`]),
      )
      const host = name === 'web' ? running.host : 'localhost'
      const place = [
        '--host',
        `ssh://${host}:${running.port}`,
        '--private-network',
        '127.0.0.0/8',
        '--private-network',
        '::1/128',
      ]
      const kind = ['--connector', 'ssh', '--credential', 'ssh-ca', '--environment', 'development']
      await succeed(stint.cli(['target', 'add', name, ...kind, ...place, ...set]))
    }
  })
  after(async () => {
    await stint?.stop()
    await service.running.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  function begin(command: readonly string[], options: readonly string[] = []): ChildProcess {
    const target = options.includes('--target') ? [] : ['--target', 'web']
    const wish = ['--task', 'look after the server', '--ttl', '5m', ...target, ...options]
    return stint.spawn(['run', ...wish, '--', ...command], { cwd: workspace, stdio: ['pipe', 'pipe', 'pipe'] })
  }
  const run = (command: readonly string[], options?: readonly string[]): Promise<Finished> => finish(begin(command, options))
  const shell = (...lines: readonly string[]): string[] => ['sh', '-ec', lines.join('\n')]

  test('logs in by the name of the target and by that of the host, as the one user there is', async () => {
    const { host, port } = service.running
    const { stdout, stderr } = await succeed(
      run(shell('ssh web whoami', `ssh -p ${port} ${USERS.deploy}@${host} whoami`, `ssh ${host} whoami`)),
    )
    assert.equal(stdout, `${USERS.deploy}\n`.repeat(3))
    assert.match(stderr, /web: SSH, without a key \(ssh web\)/)
    const { stdout: listed } = await succeed(stint.cli(['--json', 'lease', 'list']))
    assert.equal((JSON.parse(listed) as { items: unknown[] }).items.length, 1)
  })

  test('copies files by scp, sftp and rsync, and carries a large one', async () => {
    const large = Buffer.alloc(5_000_000, 'large')
    writeFileSync(join(workspace, 'large'), large)
    await succeed(
      run(
        shell(
          `scp -q large web:${far('by-scp')} && scp -q web:${far('by-scp')} back`,
          `echo 'put large ${far('by-sftp')}' | sftp -q -b - web`,
          `rsync large web:${far('by-rsync')}`,
          'cmp large back',
        ),
      ),
    )
    for (const name of ['by-scp', 'by-sftp', 'by-rsync']) assert.ok(readFileSync(far(name)).equals(large), name)
  })

  test('clones and pushes with git', async () => {
    execFileSync('git', ['init', '-q', '--bare', '-b', 'main', far('repo.git')])
    const { port, host } = service.running
    const author = ['-c user.name=a -c user.email=a@example.com', '-c safe.directory=*'].join(' ')
    await succeed(
      run(
        shell(
          `git clone -q ssh://${USERS.deploy}@${host}:${port}${far('repo.git')} cloned`,
          `cd cloned && git checkout -q -b main && git ${author} commit -q --allow-empty -m first`,
          'git push -q origin main',
          `git ls-remote web:${far('repo.git')} main`,
        ),
      ),
    )
    const log = execFileSync('git', ['-c', 'safe.directory=*', '--git-dir', far('repo.git'), 'log', '--format=%s'])
    assert.equal(log.toString(), 'first\n')
  })

  test('logs in as each user its task may, and as no other', async () => {
    const both = ['--target', 'both']
    assert.equal(
      (await succeed(run(shell(`ssh ${USERS.other}@both echo a`, `ssh ${USERS.deploy}@both echo b`), both))).stdout,
      'a\nb\n',
    )
    const denied = await run(['ssh', `${USERS.revoker}@web`, 'whoami'])
    assert.equal(denied.code, 255)
    assert.match(denied.stderr, /Permission denied \(publickey\)/)
  })

  test('is told why it is refused', async () => {
    const signing = await run(
      ['ssh', 'web', 'whoami'],
      ['--action', 'ssh:Connection::open', '--action', 'ssh:Certificate::offer'],
    )
    assert.equal(signing.code, 255)
    assert.match(signing.stderr, /agent refused operation.*refused: ssh:Session::open deploy on web/s)
    const connecting = await run(['ssh', 'web', 'whoami'], ['--action', 'ssh:Session::open'])
    assert.match(connecting.stderr, /Received disconnect from .*Stint: /s)
    const elsewhere = await run(['ssh', '-p', '9', service.running.host, 'whoami'])
    assert.match(elsewhere.stderr, /stint: 127\.0\.0\.1:9: no target declares/)
  })

  test('is cut off in the middle of a session by a revocation, and logs in no more', async () => {
    const child = begin(['sh', '-c', 'ssh web "echo open; exec sleep 1000"; ssh web echo again; echo $?'])
    let [stdout, said] = ['', '']
    child.stdout?.on('data', (chunk) => (stdout += chunk))
    child.stderr?.on('data', (chunk) => (said += chunk))
    const done = finish(child)
    assert.equal(await firstOutput(child), 'open')
    const task = /task_\w+/.exec(said)?.[0] ?? ''
    await succeed(stint.cli(['revoke', '--task', task, '--reason', 'enough']))
    const { stderr } = await done
    assert.equal(stdout.split('\n').at(-2), '255')
    assert.ok(!stdout.includes('again'))
    assert.match(stderr, /task_not_live|revoked|over/)
  })

  test('has no private key in sight: not in its files, its environment, nor of its agent, which signs no files', async () => {
    writeFileSync(join(workspace, 'file'), 'contract')
    const script = shell(
      'ssh web true',
      'ls -A ~/.ssh',
      'env | grep -c "PRIVATE KEY" || true',
      'find ~ /run /tmp . -type f -mmin -10 -exec grep -l "PRIVATE KEY" {} + || true',
      'ssh-add -L 2>&1 || true',
      'ssh-keygen -q -t ed25519 -N "" -f own && rm own',
      'ssh-keygen -Y sign -f own.pub -n file file 2>&1 && echo signed || true',
      'echo $SSH_AUTH_SOCK',
    )
    const { stdout, stderr } = await succeed(run(script))
    assert.match(stdout, /^config\nconnect\.mjs\nknown_hosts\n0\n/)
    assert.ok(!stdout.includes('signed'))
    assert.match(stdout, /agent refused operation.*No private key found/s)
    assert.match(stdout, /^\/run\/stint-ssh-agent\.sock$/m)
    assert.match(stderr, /refused 2 times: the agent was bound to no session/)
  })

  test('has no login signed for a session that goes around Stint, although its server is the declared one', async () => {
    const { host, port } = service.running
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'IdentityAgent=$SSH_AUTH_SOCK', 'BatchMode=yes']
    const flags = options.map((option) => `-o ${option}`).join(' ')
    const around = `ssh -F none ${flags} -p ${port} ${USERS.deploy}@${host} echo around`
    const { stdout, stderr } = await run(shell(`${around} || echo kept`, '$RSYNC_RSH web echo through'), ['--sandbox', 'off'])
    assert.equal(stdout, 'kept\nthrough\n')
    assert.match(stderr, /refused: the session is none that this task has open through Stint/)
  })

  test('works without a sandbox by a configuration that is named, with an agent that serves nobody else', async () => {
    const child = begin(
      shell(
        'git ls-remote web:nowhere 2>&1 | grep -o "not appear to be a git" || true',
        'echo $SSH_AUTH_SOCK',
        '$RSYNC_RSH web whoami',
        'read line',
      ),
      ['--sandbox', 'off'],
    )
    let [stdout, stderr] = ['', '']
    child.stdout?.on('data', (chunk) => (stdout += chunk))
    child.stderr?.on('data', (chunk) => (stderr += chunk))
    while (!stdout.includes(`${USERS.deploy}\n`) && child.exitCode === null) await new Promise(setImmediate)
    assert.match(stdout, /not appear to be a git/, stderr)
    const path = /^\/.*agent\.sock$/m.exec(stdout)?.[0] ?? ''
    assert.ok(existsSync(path))
    const stranger = connect(path).end(Buffer.of(0, 0, 0, 1, 11))
    assert.deepEqual(Buffer.concat(await stranger.toArray()), Buffer.of(0, 0, 0, 1, 5))
    await finish(child, '\n')
    assert.ok(!stderr.includes('bound to no session'), 'the stranger’s words went no further')
    assert.match(stderr, /web: SSH, without a key \(ssh -F \/\S+\/config web\)/)
    assert.ok(!existsSync(path))
  })
})
