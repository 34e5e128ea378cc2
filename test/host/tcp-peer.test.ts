import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ProcessId, statOf } from '../../src/host/process-tree.ts'
import { findTcpPeer } from '../../src/host/tcp-peer.ts'

test('a connection of the child and one of its grandchild are in the child’s tree', async (t) => {
  const { server, port } = await listen(t)
  const child = await open(server, () => startClient(t, port))
  assert.deepEqual(findTcpPeer(child.socket, child.root), { pids: [child.root.pid], isInTree: true })
  const grand = await open(server, () => startClient(t, port, 'grandchild'))
  const found = findTcpPeer(grand.socket, grand.root)
  assert.equal(found.isInTree, true)
  assert.notDeepEqual(found.pids, [grand.root.pid])
})

test('a connection of a sibling is not in the tree', async (t) => {
  const { server, port } = await listen(t)
  const child = await open(server, () => startClient(t, port))
  const stranger = await open(server, () => startClient(t, port))
  assert.deepEqual(findTcpPeer(stranger.socket, child.root), { pids: [], isInTree: false })
})

test('a connection over IPv6, and one over IPv4 mapped into IPv6, are found', async (t) => {
  const v6 = await listen(t, '::1')
  const child = await open(v6.server, () => startClient(t, v6.port, 'direct', '::1'))
  assert.equal(findTcpPeer(child.socket, child.root).isInTree, true)
  const both = await listen(t, '::')
  const mapped = await open(both.server, () => startClient(t, both.port, 'direct', '::ffff:127.0.0.1'))
  assert.equal(findTcpPeer(mapped.socket, mapped.root).isInTree, true)
  const v4 = await listen(t)
  const client = await open(v4.server, () => startClient(t, v4.port, 'direct', '::ffff:127.0.0.1'))
  assert.equal(findTcpPeer(client.socket, client.root).isInTree, true)
})

test('a connection that a process outside the tree holds as well is refused', async (t) => {
  const { server, port } = await listen(t)
  const accepted = once(server, 'connection')
  const mine = connect(port, '127.0.0.1')
  t.after(() => mine.destroy())
  const [socket]: Socket[] = await accepted
  assert.ok(socket)
  const heir = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: ['ignore', 'ignore', 'inherit', mine] })
  t.after(() => heir.kill('SIGKILL'))
  const found = findTcpPeer(socket, identify(heir.pid))
  assert.deepEqual(new Set(found.pids), new Set([heir.pid, process.pid]))
  assert.equal(found.isInTree, false)
  assert.equal(findTcpPeer(socket, identify(process.pid)).isInTree, true)
})

test('a client that is gone, has stopped sending, or was let go, is nobody', async (t) => {
  const { server, port } = await listen(t)
  const gone = await open(server, () => startClient(t, port))
  gone.child.kill('SIGKILL')
  await once(gone.child, 'exit')
  assert.deepEqual(findTcpPeer(gone.socket, gone.root), { pids: [], isInTree: false })
  const closed = await open(server, () => startClient(t, port))
  closed.socket.destroy()
  assert.deepEqual(findTcpPeer(closed.socket, closed.root), { pids: [], isInTree: false })
  const half = await open(server, () => startClient(t, port, 'half'))
  half.socket.resume()
  await once(half.socket, 'end')
  assert.deepEqual(findTcpPeer(half.socket, half.root), { pids: [], isInTree: false })
})

test('a client that takes over the port of one that was reset is not taken for it', async (t) => {
  const { server, port } = await listen(t)
  const first = once(server, 'connection')
  const attacker = connect({ port, host: '127.0.0.1' })
  const [socket]: Socket[] = await first
  assert.ok(socket)
  assert.equal(socket.remotePort, attacker.localPort, 'the socket remembers its ports from now on')
  assert.equal(socket.localPort, port)
  const { localPort } = attacker
  attacker.resetAndDestroy()
  await once(attacker, 'close')
  const second = once(server, 'connection')
  const heir = connect({ port, host: '127.0.0.1', ...(localPort === undefined ? {} : { localPort }) })
  t.after(() => heir.destroy())
  const [successor]: Socket[] = await second
  assert.ok(successor)
  assert.equal(findTcpPeer(successor, identify(process.pid)).isInTree, true)
  assert.equal(socket.destroyed, false)
  assert.deepEqual(findTcpPeer(socket, identify(process.pid)), { pids: [], isInTree: false })
})

test('a tree whose root pid was used again holds nothing', async (t) => {
  const { server, port } = await listen(t)
  const child = await open(server, () => startClient(t, port))
  const reused = { ...child.root, startTime: child.root.startTime - 1 }
  assert.equal(findTcpPeer(child.socket, reused).isInTree, false)
})

interface Opened {
  readonly socket: Socket
  readonly child: ChildProcess
  readonly root: ProcessId
}

async function open(server: Server, start: () => ChildProcess): Promise<Opened> {
  const accepted = once(server, 'connection')
  const child = start()
  const [socket]: Socket[] = await accepted
  assert.ok(socket)
  socket.on('error', () => {})
  return { socket, child, root: identify(child.pid) }
}

async function listen(t: TestContext, host = '127.0.0.1'): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, host)
  server.on('connection', (socket) => {
    t.after(() => socket.destroy())
    socket.on('error', () => {})
  })
  t.after(() => server.close())
  await once(server, 'listening')
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return { server, port: address.port }
}

function startClient(
  t: TestContext,
  port: number,
  how: 'direct' | 'grandchild' | 'half' = 'direct',
  host = '127.0.0.1',
): ChildProcess {
  const end = how === 'half' ? '.end()' : ''
  const direct = `require('node:net').connect({ port: ${port}, host: '${host}', allowHalfOpen: true })${end}.on('error', () => {}); process.stdin.resume().on('end', () => process.exit())`
  const script =
    how !== 'grandchild'
      ? direct
      : `require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(direct)}], { stdio: ['inherit', 'ignore', 'inherit'] })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'ignore', 'inherit'] })
  t.after(() => {
    child.stdin.destroy()
    child.kill('SIGKILL')
  })
  return child
}

function identify(pid: number | undefined): ProcessId {
  const found = statOf(pid ?? -1)
  assert.ok(found)
  return { pid: found.pid, startTime: found.startTime }
}
