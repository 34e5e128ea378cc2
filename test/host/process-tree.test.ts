import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import {
  allPids,
  descendants,
  environmentOf,
  isDescendant,
  killTree,
  type ProcessId,
  statOf,
} from '../../src/host/process-tree.ts'
import { until } from '../run/start-run.ts'
import { identify } from './identify.ts'

const native = JSON.stringify(new URL('../../src/host/native.ts', import.meta.url).href)

test('the start time of a process stays the same and its parent is told', async (t) => {
  const { child, root } = await start(t, 'console.log(process.pid); setInterval(() => {}, 1000)')
  assert.equal(statOf(root.pid)?.ppid, process.pid)
  assert.deepEqual(statOf(root.pid)?.startTime, root.startTime)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(statOf(root.pid), undefined)
})

test('a process name full of brackets and spaces does not move the fields', async (t) => {
  const { root } = await start(t, 'process.title = ") Z 1 (x) 9 9"; console.log(process.pid); setInterval(() => {}, 1000)')
  assert.match(readStat(root.pid), /^\d+ \(\) Z 1 \(x\) 9 9\) /)
  assert.equal(statOf(root.pid)?.ppid, process.pid)
  assert.equal(statOf(root.pid)?.isZombie, false)
})

test('a grandchild is a descendant of this process and of its parent, and a stranger is not', async (t) => {
  const { root, first: grandchild } = await start(t, SPAWN_SLEEPER)
  const self = identify(process.pid)
  assert.equal(isDescendant(grandchild, root), true)
  assert.equal(isDescendant(grandchild, self), true)
  assert.equal(isDescendant(process.pid, root), false)
  assert.equal(isDescendant(process.ppid, self), false)
  assert.deepEqual(
    descendants(root).map(({ pid }) => pid),
    [grandchild],
  )
})

test('a root whose pid was used again by another process has no descendants', async (t) => {
  const { root, first: grandchild } = await start(t, SPAWN_SLEEPER)
  const reused = { pid: root.pid, startTime: root.startTime - 1 }
  assert.equal(isDescendant(grandchild, reused), false)
  assert.equal(isDescendant(root.pid, reused), false)
  assert.deepEqual(descendants(reused), [])
  assert.deepEqual(await killTree(reused, { graceMs: 0 }), [])
  assert.notEqual(statOf(grandchild), undefined)
})

test('a killed tree leaves nobody, also not what ignores SIGTERM', async (t) => {
  const { root, first: grandchild } = await start(t, `process.on('SIGTERM', () => {}); ${SPAWN_SLEEPER}`)
  assert.deepEqual(await killTree(root, { graceMs: 50 }), [])
  assert.equal(isRunning(root), false)
  assert.equal(statOf(grandchild)?.isZombie ?? true, true)
})

test('a daemon that left its parent and its session is killed with the subreaper’s tree', async (t) => {
  const script = `
    const { becomeSubreaper } = await import(${native})
    const { killTree, statOf } = await import(${JSON.stringify(new URL('../../src/host/process-tree.ts', import.meta.url).href)})
    const { spawn } = await import('node:child_process')
    if (becomeSubreaper() !== 'done') throw new Error('no subreaper')
    const daemon = "const c = require('child_process').spawn(process.execPath, ['-e', 'process.on(\\"SIGTERM\\",()=>{});setInterval(()=>{},1000);console.log(process.pid)'], { detached: true, stdio: 'inherit' }); c.unref(); setTimeout(() => process.exit(), 300)"
    const child = spawn(process.execPath, ['-e', daemon], { stdio: ['ignore', 'pipe', 'inherit'] })
    let pid = ''
    child.stdout.on('data', (text) => { pid += text })
    child.on('exit', async () => {
      const before = statOf(Number(pid))
      console.log(JSON.stringify({ adopted: before.ppid === process.pid, left: await killTree(statOf(process.pid), { graceMs: 50 }), pid: Number(pid) }))
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const report = JSON.parse(await firstLine(child))
  assert.deepEqual({ adopted: report.adopted, left: report.left }, { adopted: true, left: [] })
  assert.equal(statOf(report.pid)?.isZombie ?? true, true)
})

test('a process whose first thread ended is no zombie while another thread runs, and is killed', async (t) => {
  const { root } = await start(
    t,
    `const { Worker } = require('node:worker_threads')
     new Worker('setInterval(() => {}, 1000)', { eval: true }).once('online', () => {
       require('node:fs').writeSync(1, process.pid + '\\n')
       require(${JSON.stringify(new URL('../../node_modules/koffi', import.meta.url).pathname)}).load('libc.so.6').func('void pthread_exit(void *)')(null)
     })`,
  )
  await until(() => readStat(root.pid).includes(') Z '))
  assert.equal(statOf(root.pid)?.isZombie, false)
  assert.deepEqual(await killTree(root, { graceMs: 20 }), [])
  assert.equal(isRunning(root), false)
})

test('a tree that keeps forking is killed whole below a subreaper, as `stint run` has one', async (t) => {
  const mark = `forker ${randomUUID()}`
  const alive = () => allPids().filter((pid) => commandOf(pid).includes(mark) && statOf(pid)?.isZombie === false)
  t.after(() => {
    for (const pid of alive()) process.kill(pid, 'SIGKILL')
  })
  const forker = `/* ${mark} */ const f = () => require('child_process').spawn(process.execPath, ['-e', process.argv[1], process.argv[1]], { stdio: 'ignore' }); setInterval(() => {}, 1000); if (process.env.DEPTH < 3) { process.env.DEPTH++; f(); f() }`
  const script = `
    const { becomeSubreaper } = await import(${native})
    const { descendants, killTree, statOf } = await import(${JSON.stringify(new URL('../../src/host/process-tree.ts', import.meta.url).href)})
    const { spawn } = await import('node:child_process')
    if (becomeSubreaper() !== 'done') throw new Error('no subreaper')
    const forker = process.env.FORKER
    spawn(process.execPath, ['-e', forker, forker], { stdio: 'ignore', env: { DEPTH: '0' } })
    const own = statOf(process.pid)
    while (descendants(own).length < 3) await new Promise((done) => setTimeout(done, 5))
    console.log(JSON.stringify({ left: await killTree(own, { graceMs: 0 }) }))
    setInterval(() => {}, 1000)`
  const env = { PATH: process.env.PATH, FORKER: forker }
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'], env })
  t.after(() => child.kill('SIGKILL'))
  assert.deepEqual(JSON.parse(await firstLine(child)), { left: [] })
  assert.deepEqual(alive(), [])
})

test('the environment a process was started with is read, and that of nobody is unknown', async (t) => {
  const { root } = await start(t, 'console.log(process.pid); setInterval(() => {}, 1000)', { STINT_TASK: 't=1', EMPTY: '' })
  assert.equal(environmentOf(root.pid)?.get('STINT_TASK'), 't=1')
  assert.equal(environmentOf(root.pid)?.get('EMPTY'), '')
  assert.equal(environmentOf(root.pid)?.get('NOT_THERE'), undefined)
  assert.equal(environmentOf(2 ** 30), undefined)
})

const SPAWN_SLEEPER = `
  const sleeper = require('child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM",()=>{});setInterval(()=>{},1000);console.log("up")'])
  sleeper.stdout.once('data', () => console.log(sleeper.pid))
  setInterval(() => {}, 1000)`

async function start(t: TestContext, script: string, env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, ...env },
  })
  t.after(async () => killTree(root, { graceMs: 0 }))
  const root = identify(child.pid ?? -1)
  const first = Number(await firstLine(child))
  return { child, root, first }
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout)
  const [line] = await once(createInterface(child.stdout), 'line')
  return line
}

/** Its arguments; nothing of one that has gone. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function isRunning(process: ProcessId): boolean {
  const now = statOf(process.pid)
  return now?.startTime === process.startTime && !now.isZombie
}

function readStat(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
}
