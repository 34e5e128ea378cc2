import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { StintError } from '../errors.ts'
import { statOf } from '../host/process-tree.ts'
import { admitSecret, admitTree } from './admit.ts'
import type { Cell, Running } from './cell.ts'
import { exitCodeOf } from './signals.ts'

/**
 * A cell without walls: a loopback listener that serves the tree of this process, or, where processes cannot be looked up, whoever
 * knows a secret that only the command is told. `why` says why there is no sandbox.
 */
export async function openBareCell(runDirectory: string, why: string): Promise<Cell> {
  const server = createServer()
  const port = await listen(server)
  const own = statOf(process.pid)
  const base = { server, filesAt: runDirectory, start }
  if (own !== undefined) {
    const says = `no sandbox (${why}): your files, credentials and Stint’s data directory can be read, and other networks reached, by this command`
    return { ...base, proof: 'process-tree', proxy: new URL(`http://127.0.0.1:${port}`), admission: admitTree(own), says: [says] }
  }
  const secret = randomBytes(24).toString('base64url')
  const says = `no sandbox (${why}): this command is not protected from your other programs, which can read its proxy’s secret, nor your files and credentials from it`
  const proxy = new URL(`http://stint:${secret}@127.0.0.1:${port}`)
  return { ...base, proof: 'run-secret', proxy, admission: admitSecret(secret), says: [says] }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address === 'object' && address !== null) return address.port
  throw new StintError('internal', 'the loopback listener has no port')
}

async function start([file = '', ...args]: readonly string[], environment: Record<string, string>): Promise<Running> {
  const child = spawn(file, args, { stdio: 'inherit', env: environment })
  const { promise, resolve } = Promise.withResolvers<number>()
  child.on('exit', (code, signal) => resolve(exitCodeOf(code, signal)))
  child.on('error', (error) => {
    process.stderr.write(`stint: ${file}: ${error.message}\n`)
    resolve('code' in error && error.code === 'ENOENT' ? 127 : 126)
  })
  return { signal: (signal) => void child.kill(signal), exited: promise }
}
