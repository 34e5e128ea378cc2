import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { descriptorOf, peerPid } from '../../src/host/native.ts'
import { statOf } from '../../src/host/process-tree.ts'

const run = promisify(execFile)
const native = JSON.stringify(new URL('../../src/host/native.ts', import.meta.url).href)

test('the process that connected a unix socket is known, also after it has forked the work to nobody', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'stint-native-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  const path = join(dir, 'sock')
  const server = createServer().listen(path)
  t.after(() => server.close())
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const child = startScript(t, `require('node:net').connect(${JSON.stringify(path)}); setInterval(() => {}, 1000)`)
  const [socket]: Socket[] = await accepted
  assert.ok(socket)
  t.after(() => socket.destroy())
  assert.equal(peerPid(descriptorOf(socket) ?? -1), child.pid)
})

test('nothing is told about a descriptor that is closed, no socket, or a TCP socket', async (t) => {
  assert.equal(peerPid(-1), undefined)
  assert.equal(peerPid(1_000_000), undefined)
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const accepted = once(server, 'connection')
  startScript(t, `require('node:net').connect(${address.port}, '127.0.0.1'); setInterval(() => {}, 1000)`)
  const [socket]: Socket[] = await accepted
  assert.ok(socket)
  assert.equal(peerPid(descriptorOf(socket) ?? -1), undefined)
  socket.destroy()
  assert.equal(descriptorOf(socket), undefined)
})

test('an undumpable process shows its memory and environment to nobody of the same user', async (t) => {
  const open = await startModule(t, `console.log('ready')`)
  const closed = await startModule(t, `const n = await import(${native}); console.log(n.becomeUndumpable())`)
  assert.equal(closed.said, 'done')
  assert.match(await readUnprivileged(open.pid), /PROBE=1/)
  await assert.rejects(readUnprivileged(closed.pid), /Permission denied|Operation not permitted/)
})

test('a process that dies with its parent does not outlive it', async (t) => {
  const inner = `const n = await import(${native}); console.log(n.dieWithParent() + ' ' + process.pid); setInterval(() => {}, 1000)`
  const outer = await startModule(
    t,
    `const { spawn } = await import('node:child_process'); spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(inner)}], { stdio: 'inherit' })`,
  )
  const [said, pid] = outer.said.split(' ')
  assert.equal(said, 'done')
  assert.equal(statOf(Number(pid))?.isZombie, false)
  outer.child.kill('SIGKILL')
  for (let i = 0; i < 500 && statOf(Number(pid))?.isZombie === false; i++) await new Promise((done) => setTimeout(done, 10))
  assert.equal(statOf(Number(pid))?.isZombie ?? true, true)
})

test('on another platform, and where the library cannot be loaded, the answer is unsupported and nothing throws', async (t) => {
  const there = await startModule(
    t,
    `Object.defineProperty(process, 'platform', { value: 'freebsd' }); const n = await import(${native}); console.log([n.becomeSubreaper(), n.becomeUndumpable(), n.dieWithParent(), n.peerPid(0)].join())`,
  )
  assert.equal(there.said, 'unsupported,unsupported,unsupported,')
  const broken = await startModule(
    t,
    `const m = await import('node:module'); m.default.prototype.require = () => { throw new Error('not here') }; m.default._load = () => { throw new Error('not here') }
     const n = await import(${native}); console.log([n.becomeSubreaper(), n.peerPid(0)].join())`,
  )
  assert.equal(broken.said, 'unsupported,')
})

/** Runs as it is, or without root's privilege, which may trace any process. */
function unprivileged(command: string, args: readonly string[]): [string, string[]] {
  if (process.getuid?.() !== 0) return [command, [...args]]
  return ['setpriv', ['--inh-caps=-all', '--bounding-set=-all', command, ...args]]
}

async function readUnprivileged(pid: number): Promise<string> {
  const { stdout } = await run(...unprivileged('cat', [`/proc/${pid}/environ`]))
  return stdout
}

function startScript(t: TestContext, script: string): ChildProcess {
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function startModule(t: TestContext, script: string): Promise<{ child: ChildProcess; pid: number; said: string }> {
  const command = unprivileged(process.execPath, ['--input-type=module', '-e', `${script}; setInterval(() => {}, 1000)`])
  const child = spawn(...command, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, PROBE: '1' },
  })
  t.after(() => child.kill('SIGKILL'))
  const [said] = await once(createInterface(child.stdout), 'line')
  return { child, pid: child.pid ?? -1, said }
}
