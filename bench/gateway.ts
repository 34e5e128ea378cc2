import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TaskSession } from '../src/run/task-session.ts'
import { createExchange, requestFor } from '../test/fakes/exchange.ts'
import { lanesOver, latencies, requestsPerSecond } from './rig/load.ts'
import { openWorld, rssMiB, type World } from './rig/world.ts'
import { quantile, type Row } from './row.ts'

const CONNECTIONS = 32
const GIB = 1 << 30

/** The gateway against a plain undici proxy, in turn, in the same run. */
export async function bench(): Promise<Row[]> {
  const world = await openWorld()
  try {
    return [
      await idle(world),
      ...(await throughput(world)),
      ...(await latency(world)),
      ...(await download(world)),
      ...(await revocation(world)),
      ...(await manyTasks(world)),
    ]
  } finally {
    await world.close()
  }
}

/** A start that is not the first: that one also makes keys and a CA. */
async function idle({ stint }: World): Promise<Row> {
  stint.server.kill('SIGTERM')
  await stint.restart()
  await sleep(1000)
  const value = rssMiB(stint.server.pid ?? 0)
  return { name: 'idle RSS', value, unit: 'MiB', bar: '≤ 160', holds: value <= 160 }
}

async function throughput(world: World): Promise<Row[]> {
  const session = await world.startTask()
  const bytes = requestFor(`${world.origin}/`)
  const ratios: number[] = []
  let best = 0
  for (let round = 0; round < 4; round += 1) {
    const seconds = round === 0 ? 6 : 4 // the first warms up
    const measure = (sockets: Socket[]): Promise<number> => requestsPerSecond(lanesOver(sockets, bytes), seconds)
    const plain = await over(world.plain(CONNECTIONS), measure)
    const ours = await over(world.attached(session, CONNECTIONS), measure)
    if (round > 0) ratios.push(ours / plain)
    best = Math.max(best, ours)
  }
  await session.end('measured')
  const ratio = quantile(ratios, 0.5)
  return [
    { name: 'proxied requests/s ÷ plain proxy', value: ratio, unit: '×', bar: '≥ 0.5', holds: ratio >= 0.5 },
    { name: 'proxied requests/s (32 connections)', value: best, unit: 'req/s', bar: '', holds: true },
  ]
}

async function latency(world: World): Promise<Row[]> {
  const session = await world.startTask()
  const bytes = requestFor(`${world.origin}/`)
  const measure = (sockets: Socket[]): Promise<number[]> => latencies(lanesOver(sockets, bytes), 500, 6)
  const plain = await over(world.plain(CONNECTIONS), measure)
  const ours = await over(world.attached(session, CONNECTIONS), measure)
  await session.end('measured')
  const added = (share: number): number => quantile(ours, share) - quantile(plain, share)
  return [
    { name: 'added latency at 500 req/s, p50', value: added(0.5), unit: 'ms', bar: '≤ 1', holds: added(0.5) <= 1 },
    { name: 'added latency at 500 req/s, p99', value: added(0.99), unit: 'ms', bar: '≤ 5', holds: added(0.99) <= 5 },
  ]
}

async function download(world: World): Promise<Row[]> {
  const session = await world.startTask()
  const bytes = requestFor(`${world.origin}/bytes/${GIB}`)
  const pid = world.stint.server.pid ?? 0
  const drain = async (sockets: Socket[]): Promise<{ seconds: number; growth: number }> => {
    const [socket] = sockets
    if (socket === undefined) throw new Error('no connection')
    const before = rssMiB(pid)
    let peak = before
    const timer = setInterval(() => (peak = Math.max(peak, rssMiB(pid))), 50)
    const startedAt = performance.now()
    await readBytes(socket, bytes, GIB)
    clearInterval(timer)
    return { seconds: (performance.now() - startedAt) / 1000, growth: peak - before }
  }
  const plain = await over(world.plain(1), drain)
  const ours = await over(world.attached(session, 1), drain)
  await session.end('measured')
  const ratio = ours.seconds / plain.seconds
  return [
    { name: '1 GiB download, time ÷ plain proxy', value: ratio, unit: '×', bar: '≤ 1.5', holds: ratio <= 1.5 },
    { name: '1 GiB download, memory growth', value: ours.growth, unit: 'MiB', bar: '≤ 50', holds: ours.growth <= 50 },
  ]
}

function readBytes(socket: Socket, request: Buffer, wanted: number): Promise<void> {
  return new Promise((done, failed) => {
    let seen = 0
    socket.on('data', (chunk: Buffer) => {
      seen += chunk.length
      if (seen > wanted) done()
    })
    socket.on('close', () => failed(new Error(`broken off after ${seen} bytes`)))
    socket.write(request)
  })
}

/** 200 open streams of one task; the kill switch is pulled; the time until the last is cut and a new request is refused. */
async function revocation(world: World): Promise<Row[]> {
  const samples: number[] = []
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0 // as in rig/upstream.ts
  for (let round = 0; round < 45; round += 1) {
    const took = await killOnce(world)
    if (round >= 5) samples.push(took) // the first warm up
  }
  Error.stackTraceLimit = stackTraceLimit
  const p99 = quantile(samples, 0.99)
  return [{ name: 'revoke → refused and 200 streams cut, p99', value: p99, unit: 'ms', bar: '≤ 50', holds: p99 <= 50 }]
}

async function killOnce(world: World): Promise<number> {
  const session = await world.startTask()
  const streams = await world.attached(session, 200)
  const request = requestFor(`${world.origin}/endless`)
  await Promise.all(streams.map((socket) => flowing(socket, request)))
  const cut = Promise.all(streams.map((socket) => new Promise((closed) => socket.once('close', closed))))
  const startedAt = performance.now()
  const selector = { kind: 'task', id: session.task.id }
  const receipt = world.call('POST', '/v1/revocations', { selector, reason: 'measured' })
  await Promise.all([cut, untilRefused(world, session)])
  const took = performance.now() - startedAt
  await receipt
  await session.end('measured').catch(() => undefined)
  return took
}

/** New connections, one after the other, until one of them is answered a refusal. Those that are broken off do not count. */
async function untilRefused(world: World, session: TaskSession): Promise<void> {
  for (let status = 0; status !== 403; ) {
    const asking = over(world.attached(session, 1), ([socket]) => statusOf(socket, requestFor(`${world.origin}/`)))
    status = await asking.catch(() => 0)
  }
}

async function statusOf(socket: Socket | undefined, request: Buffer): Promise<number> {
  if (socket === undefined) throw new Error('no connection')
  return createExchange(socket)(request)
}

function flowing(socket: Socket, request: Buffer): Promise<void> {
  socket.on('error', () => undefined)
  socket.on('end', () => socket.destroy()) // attached sockets are half-open by choice
  return new Promise((ready) => {
    socket.once('data', () => ready())
    socket.write(request)
  })
}

async function manyTasks(world: World): Promise<Row[]> {
  world.stint.server.kill('SIGTERM')
  await world.stint.restart() // so that the row is about the tasks alone
  const keyThumbprint = 'A'.repeat(43)
  const body = { purpose: 'one of many', targets: ['bench'], actions: ['*'], ttlSeconds: 3600, keyThumbprint }
  for (let batch = 0; batch < 100; batch += 1) {
    await Promise.all(Array.from({ length: 100 }, () => world.call('POST', '/v1/tasks', body)))
  }
  const rss = rssMiB(world.stint.server.pid ?? 0)
  return [{ name: 'RSS with 10,000 live tasks', value: rss, unit: 'MiB', bar: '≤ 300', holds: rss <= 300 }]
}

/** Runs `measure` over connections and closes them. */
async function over<T>(opening: Promise<Socket[]>, measure: (sockets: Socket[]) => Promise<T>): Promise<T> {
  const sockets = await opening
  try {
    return await measure(sockets)
  } finally {
    for (const socket of sockets) {
      socket.removeAllListeners('close')
      socket.destroy()
    }
  }
}
