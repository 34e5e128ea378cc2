import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compileCacheEnv } from '../compile-cache.ts'
import { StintError } from '../errors.ts'
import { type ProcessId, statOf } from '../host/process-tree.ts'
import { canFindPeers } from '../host/tcp-peer.ts'
import { admitSecret, admitTree, admitUnixTree } from './admit.ts'
import type { Agent, Cell, CellWays, Wire } from './cell.ts'
import type { Order } from './reaper.ts'
import { exitCodeOf } from './signals.ts'

/**
 * A cell without walls: a loopback listener that serves the tree of this process, or, where processes cannot be looked up, whoever
 * knows a secret that only the command is told. `why` says why there is no sandbox.
 */
export async function openBareCell(why: string, { runDirectory, wireCount, sshDirectory }: CellWays): Promise<Cell> {
  const server = createServer()
  const start = startReaper()
  const port = await listen(server)
  const own = statOf(process.pid)
  const wires = await Promise.all(Array.from({ length: wireCount }, openWire))
  const base = { server, filesAt: runDirectory, nodeAt: process.execPath, start }
  if (own !== undefined && canFindPeers(server)) {
    const says = `no sandbox (${why}): your files, credentials and Stint’s data directory can be read, and other networks reached, by this command`
    return {
      ...base,
      wires,
      agent: sshDirectory === undefined ? undefined : await openAgent(join(runDirectory, 'agent.sock'), own),
      proof: 'process-tree',
      proxy: new URL(`http://127.0.0.1:${port}`),
      admission: admitTree(own),
      says: [says],
    }
  }
  const secret = randomBytes(24).toString('base64url')
  for (const { server } of wires) server.close()
  const says = `no sandbox (${why}): this command is not protected from your other programs, which can read its proxy’s secret, nor your files and credentials from it`
  const proxy = new URL(`http://stint:${secret}@127.0.0.1:${port}`)
  return { ...base, wires: [], proof: 'run-secret', proxy, admission: admitSecret(secret), says: [says] }
}

async function openWire(): Promise<Wire> {
  const server = createServer()
  return { server, port: await listen(server) }
}

/** In a directory that no other user may enter. */
async function openAgent(path: string, root: ProcessId): Promise<Agent> {
  const server = createServer()
  server.listen(path)
  await once(server, 'listening')
  return { server, path, admission: admitUnixTree(root) }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address === 'object' && address !== null) return address.port
  throw new StintError('internal', 'the loopback listener has no port')
}

/** Starts the reaper, which takes a moment, and answers what has it start the command. */
function startReaper(): Cell['start'] {
  const program = fileURLToPath(new URL(`./reaper${extname(import.meta.url)}`, import.meta.url))
  const reaper = spawn(process.execPath, ['--disable-sigusr1', program], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: compileCacheEnv(),
  })
  const { promise: exited, resolve, reject } = Promise.withResolvers<number>()
  reaper.once('exit', (code, signal) => resolve(exitCodeOf(code, signal)))
  reaper.once('error', reject)
  exited.catch(() => {}) // told to who starts the command
  const tell = (order: Order) => void reaper.send(order, () => {}) // a reaper that is gone has ended, which says all
  return async (command, environment) => {
    tell({ command, environment })
    return { signal: (signal) => tell({ signal }), exited }
  }
}
