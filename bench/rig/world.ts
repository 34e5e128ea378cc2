import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createClient } from '../../src/cli/client.ts'
import { generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { attach } from '../../src/run/attach.ts'
import { startSession, type TaskSession } from '../../src/run/task-session.ts'
import { type Installation, startStint } from '../../test/fakes/stint.ts'

/** A real Stint with one declared target, the target, and the plain proxy, each a process of its own. */
export interface World {
  readonly stint: Installation
  readonly call: ReturnType<typeof createClient>['call']
  readonly origin: string
  startTask(): Promise<TaskSession>
  /** Connections attached to the task. */
  attached(session: TaskSession, count: number): Promise<Socket[]>
  /** Connections to the plain proxy. */
  plain(count: number): Promise<Socket[]>
  readonly plainPid: number
  close(): Promise<void>
}

/** Starts all three. The target wants an injected key, so that each request is decided, recorded and injected. */
export async function openWorld(): Promise<World> {
  const [upstream, proxy] = [start('upstream.ts'), start('plain-proxy.ts')]
  const [upstreamPort, proxyPort] = [await portOf(upstream), await portOf(proxy)]
  const stint = await startStint({ STINT_LOG_LEVEL: process.env.BENCH_LOG ?? 'error' })
  const { call } = createClient(() => stint.home)
  await call('POST', '/v1/credentials', { id: 'key', value: 'bench-key-0123456789' })
  await call('POST', '/v1/targets', {
    ...{ id: 'bench', connector: 'http', environment: 'development', sensitivity: 'internal', labels: [] },
    hosts: [{ scheme: 'http', host: '127.0.0.1', port: upstreamPort }],
    ...{ privateNetworks: ['127.0.0.0/8'], credentialId: 'key' },
    placement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  })
  return {
    stint,
    call,
    origin: `http://127.0.0.1:${upstreamPort}`,
    startTask: () => startTask(call),
    attached: (session, count) => Promise.all(Array.from({ length: count }, async () => (await attach(session)).resume())),
    plain: (count) => Promise.all(Array.from({ length: count }, () => open(proxyPort))),
    plainPid: proxy.pid ?? 0,
    async close() {
      upstream.disconnect()
      proxy.disconnect()
      await stint.stop()
    },
  }
}

/** A task for one target, not supervised. */
export async function startTask(call: World['call'], target = 'bench'): Promise<TaskSession> {
  const key = await generateKey()
  const prove = (request: { method: string; url: string; token: string }): Promise<string> => makeProof(key, request)
  const wish = { purpose: 'measure', targets: [target], actions: ['*'], ttlSeconds: 3600, labels: [] }
  const supervised = <T>(method: 'GET' | 'POST' | 'DELETE' | 'PUT', path: string, body?: unknown): Promise<T> =>
    call(method, path, path === '/v1/tasks' ? { ...(body as Task), supervised: false } : body)
  return startSession(supervised, wish, 'process-tree', { thumbprint: key.thumbprint, prove })
}

/** A file of this folder as a process of its own. */
export function start(file: string): ChildProcess {
  return fork(join(import.meta.dirname, file), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

/** Where it listens, as it says itself. */
export async function portOf(child: ChildProcess): Promise<number> {
  const { port } = await new Promise<{ port: number }>((ready) => child.once('message', (message) => ready(message as never)))
  return port
}

/** A connection to a loopback port. */
export function open(port: number): Promise<Socket> {
  return new Promise((ready, failed) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => ready(socket))
    socket.once('error', failed)
  })
}

/** Resident memory of a process, in MiB. */
export function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024
}
