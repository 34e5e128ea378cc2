import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from '../src/api/verbs.ts'
import type { Approval } from '../src/approvals/approval.ts'
import { createClient } from '../src/cli/client.ts'
import { attach } from '../src/run/attach.ts'
import type { TaskSession } from '../src/run/task-session.ts'
import { type Installation, startStint } from '../test/fakes/stint.ts'
import { startEverything } from '../test/services/mcp-everything.ts'
import { type Lane, latencies, requestsPerSecond } from './rig/load.ts'
import { type McpSession, openSession } from './rig/mcp-session.ts'
import { open as openSocket, portOf, rssMiB, start, startTask } from './rig/world.ts'
import { type Bench, quantile, type Row } from './row.ts'

const SESSIONS = 16
const IDLE_SESSIONS = 1000

/** Calls of a tool through the gateway and straight to the server, in turn, in the same run. */
export const bench: Bench = async () => {
  const [bare, everything] = [start('mcp-upstream.ts'), await startEverything()]
  const stint = await startStint({ STINT_LOG_LEVEL: process.env.BENCH_LOG ?? 'error' })
  try {
    const { call } = createClient(() => stint.home)
    await call('POST', '/v1/credentials', { id: 'key', value: 'bench-key-0123456789' })
    const port = await portOf(bare)
    const declare = async (id: string, host: string, port: number, environment: string): Promise<World> => {
      await call('POST', '/v1/targets', targetOf(id, host, port, environment))
      return { stint, call, id, port, host: `${host}:${port}` }
    }
    const reference = await declare('reference', '127.0.0.1', everything.port, 'development')
    const barest = await declare('bare', '127.0.0.1', port, 'development')
    const asked = await declare('asked', 'localhost', port, 'production')
    return [
      ...(await speed(reference, 'reference server', 0.4)),
      ...(await speed(barest, 'a server that does nothing')),
      await approval(asked),
      await idle(barest),
    ]
  } finally {
    bare.disconnect()
    await everything.stop()
    await stint.stop()
  }
}

/** A declared server. */
interface World {
  readonly stint: Installation
  readonly call: ReturnType<typeof createClient>['call']
  readonly id: string
  readonly port: number
  /** With its port. */
  readonly host: string
}

/** Writes to it are asked about in production. */
function targetOf(id: string, host: string, port: number, environment: string): object {
  return {
    ...{ id, connector: 'mcp', environment, sensitivity: 'internal', labels: [], credentialId: 'key' },
    ...{ hosts: [{ scheme: 'http', host, port }], privateNetworks: ['127.0.0.0/8', '::1/128'], settings: { pins: 'off' } },
    placement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  }
}

/** Each round measures both ways. `bar` is for the share of the direct calls; without it the rows only tell. */
async function speed(world: World, server: string, bar?: number): Promise<Row[]> {
  const task = await startTask(world.call, world.id)
  const [direct, through] = [await directly(world, SESSIONS), await attached(world, task, SESSIONS)]
  const [ratios, added]: [number[], number[]] = [[], []]
  for (let round = 0; round < 4; round += 1) {
    const [plain, ours] = [await requestsPerSecond(direct.lanes, 4), await requestsPerSecond(through.lanes, 4)]
    if (round > 0) ratios.push(ours / plain) // the first warms up
  }
  for (let round = 0; round < 3; round += 1) {
    const [plain, ours] = [await latencies(direct.lanes, 100, 3), await latencies(through.lanes, 100, 3)]
    added.push(quantile(ours, 0.5) - quantile(plain, 0.5))
  }
  for (const { close } of [direct, through]) close()
  await task.end('measured')
  const [ratio, ms] = [quantile(ratios, 0.5), quantile(added, 0.5)]
  const calls = `tools/call to ${server}`
  const told = bar === undefined
  return [
    { name: `${calls}: calls/s ÷ direct`, value: ratio, unit: '×', bar: told ? '' : `≥ ${bar}`, holds: told || ratio >= bar },
    { name: `${calls}: added p50`, value: ms, unit: 'ms', bar: '≤ 2', holds: ms <= 2 },
  ]
}

/** A call waits for its owner (`Prefer: wait`): from their yes until the answer of the server is there. */
async function approval(world: World): Promise<Row> {
  const task = await startTask(world.call, world.id)
  const { sessions, close } = await attached(world, task, 1)
  const samples: number[] = []
  for (let round = 0; round < 45; round += 1) {
    const answered = sessions[0]?.call(`round ${round}`, 'Prefer: wait=30\r\n')
    const id = await question(world)
    const startedAt = performance.now()
    await Promise.all([world.call('POST', `/v1/approvals/${id}/grant`, {}), answered])
    if (round >= 5) samples.push(performance.now() - startedAt) // the first warm up
  }
  close()
  await task.end('measured')
  const p99 = quantile(samples, 0.99)
  return { name: 'a yes → the call that waits is answered, p99', value: p99, unit: 'ms', bar: '≤ 100', holds: p99 <= 100 }
}

/** The one question that is open, as soon as it is. */
async function question({ call }: World): Promise<string> {
  for (;;) {
    const [asked] = (await call<Page<Approval>>('GET', '/v1/approvals?state=pending')).items
    if (asked !== undefined) return asked.id
    await sleep(5)
  }
}

/** Each session has its own connection, on which it listens. */
async function idle(world: World): Promise<Row> {
  world.stint.server.kill('SIGTERM')
  await world.stint.restart() // so that the row is about the sessions alone
  const task = await startTask(world.call, world.id)
  const { sessions, close } = await attached(world, task, IDLE_SESSIONS)
  await Promise.all(sessions.map((session) => session.listen()))
  await sleep(1000)
  const rss = rssMiB(world.stint.server.pid ?? 0)
  close()
  return { name: 'RSS with 1,000 idle sessions that listen', value: rss, unit: 'MiB', bar: '≤ 286', holds: rss <= 286 }
}

/** Sessions, and what calls in each of them. */
interface Opened {
  readonly sessions: readonly McpSession[]
  readonly lanes: readonly Lane[]
  close(): void
}

function directly({ host, port }: World, count: number): Promise<Opened> {
  return opened(count, { host, target: '/mcp' }, () => openSocket(port))
}

function attached({ host }: World, task: TaskSession, count: number): Promise<Opened> {
  return opened(count, { host, target: `http://${host}/mcp` }, async () => (await attach(task)).resume())
}

/** A few at a time, so that nothing is measured but what stays. */
async function opened(count: number, at: { host: string; target: string }, connect: () => Promise<Socket>): Promise<Opened> {
  const sockets: Socket[] = []
  const sessions: McpSession[] = []
  while (sessions.length < count) {
    const more = await Promise.all(Array.from({ length: Math.min(50, count - sessions.length) }, connect))
    sockets.push(...more)
    sessions.push(...(await Promise.all(more.map((socket) => openSession(socket, at.host, at.target)))))
  }
  return {
    sessions,
    lanes: sessions.map((session) => () => session.call()),
    close: () => {
      for (const socket of sockets) socket.removeAllListeners('close').destroy()
    },
  }
}
