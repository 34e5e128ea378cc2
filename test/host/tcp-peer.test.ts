import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { killTree, type ProcessId } from '../../src/host/process-tree.ts'
import { canFindPeers, createPeerCheck } from '../../src/host/tcp-peer.ts'
import { identify } from './identify.ts'

test('a connection of the child, one of its grandchild, and one it inherited are in the child’s tree', async (t) => {
  const { server, port } = await listen(t)
  const child = await open(server, () => startClient(t, port))
  assert.equal(isInTree(child.socket, child.root), true)
  const grand = await open(server, () => startClient(t, port, { under: GRANDCHILD }))
  assert.equal(isInTree(grand.socket, grand.root), true)
  const { mine, socket } = await connectFrom(t, server, port)
  const heir = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: ['ignore', 'ignore', 'inherit', mine] })
  t.after(() => heir.kill('SIGKILL'))
  assert.equal(isInTree(socket, identify(heir.pid)), true)
})

test('a connection of a sibling or of the parent is not in the tree, however often it is asked about', async (t) => {
  const { server, port } = await listen(t)
  const child = await open(server, () => startClient(t, port))
  const check = createPeerCheck(child.root)
  assert.equal(check(child.socket), true)
  const sibling = await open(server, () => startClient(t, port))
  const parent = await connectFrom(t, server, port)
  for (let i = 0; i < 2; i++) assert.deepEqual([sibling.socket, parent.socket, child.socket].map(check), [false, false, true])
})

test('a process that started since the last question is found, among strangers that did as well', async (t) => {
  const { server, port } = await listen(t)
  const check = createPeerCheck(identify(process.pid))
  const first = await open(server, () => startClient(t, port))
  assert.equal(check(first.socket), true)
  const second = await open(server, () => startClient(t, port))
  assert.equal(check(second.socket), true)
  assert.equal(createPeerCheck(first.root)(second.socket), false)
})

test('a process of the tree in user and pid namespaces of its own is found', {
  skip: mayUnshare() ? false : 'no user namespaces',
}, async (t) => {
  const { server, port } = await listen(t)
  const client = await open(server, () =>
    startClient(t, port, { under: ['unshare', '--user', '--map-root-user', '--pid', '--fork'] }),
  )
  assert.equal(isInTree(client.socket, client.root), true)
})

test('a client that connects to IPv4 from a socket for IPv6 is found', async (t) => {
  const { server, port } = await listen(t)
  const client = await open(server, () => startClient(t, port, { host: '::ffff:127.0.0.1' }))
  assert.equal(isInTree(client.socket, client.root), true)
})

test('a client that is gone, has stopped sending, or was let go, is nobody', async (t) => {
  const { server, port } = await listen(t)
  const gone = await open(server, () => startClient(t, port))
  gone.child.kill('SIGKILL')
  await once(gone.child, 'exit')
  assert.equal(isInTree(gone.socket, gone.root), false)
  const closed = await open(server, () => startClient(t, port))
  closed.socket.destroy()
  assert.equal(isInTree(closed.socket, closed.root), false)
  const half = await open(server, () => startClient(t, port, { end: true }))
  half.socket.resume()
  await once(half.socket, 'end')
  assert.equal(isInTree(half.socket, half.root), false)
})

test('a client that takes over the port of one that was reset is not taken for it', async (t) => {
  const { server, port } = await listen(t)
  const { socket, successor } = await takenOver(t, server, port)
  const own = createPeerCheck(identify(process.pid))
  assert.deepEqual([own(successor), own(socket), socket.destroyed], [true, false, false])
})

/** A connection that its client reset, and another from the same port. Where a stranger was quicker to take the port, once more. */
async function takenOver(t: TestContext, server: Server, port: number): Promise<{ socket: Socket; successor: Socket }> {
  for (;;) {
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
    const isTaken = await once(heir, 'connect').then(
      () => false,
      (error) => error.code === 'EADDRINUSE' || Promise.reject(error),
    )
    if (isTaken) continue
    const [successor]: Socket[] = await second
    assert.ok(successor)
    return { socket, successor }
  }
}

test('a tree whose root pid was used again holds nothing', async (t) => {
  const { server, port } = await listen(t)
  const child = await open(server, () => startClient(t, port))
  assert.equal(isInTree(child.socket, { ...child.root, startTime: child.root.startTime - 1 }), false)
})

test('the kernel says whether it can be asked about a listener', async (t) => {
  const { server } = await listen(t)
  assert.equal(canFindPeers(server), true)
  const elsewhere = createServer()
  assert.equal(canFindPeers(elsewhere), false)
  const closed = await listen(t)
  closed.server.close()
  assert.equal(canFindPeers(closed.server), false)
})

const isInTree = (accepted: Socket, root: ProcessId): boolean => createPeerCheck(root)(accepted)

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

async function listen(t: TestContext): Promise<{ server: Server; port: number }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1')
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

/** A connection of this process, and what the server has of it. */
async function connectFrom(t: TestContext, server: Server, port: number): Promise<{ mine: Socket; socket: Socket }> {
  const accepted = once(server, 'connection')
  const mine = connect(port, '127.0.0.1')
  t.after(() => mine.destroy())
  const [socket]: Socket[] = await accepted
  assert.ok(socket)
  return { mine, socket }
}

const GRANDCHILD = ['sh', '-c', '"$@"; exit', 'sh']

function mayUnshare(): boolean {
  return spawnSync('unshare', ['--user', '--map-root-user', '--pid', '--fork', 'true']).status === 0
}

interface Client {
  /** What to start it with. */
  readonly under?: readonly string[]
  readonly host?: string
  /** Stops sending at once. */
  readonly end?: boolean
}

function startClient(t: TestContext, port: number, { under = [], host = '127.0.0.1', end = false }: Client = {}): ChildProcess {
  const script = `require('node:net').connect({ port: ${port}, host: '${host}', allowHalfOpen: true })${end ? '.end()' : ''}.on('error', () => {})`
  const [file = '', ...args] = [...under, process.execPath, '-e', script]
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const root = identify(child.pid)
  t.after(() => killTree(root, { graceMs: 0 }))
  return child
}
