import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { killTree, statOf } from '../../src/host/process-tree.ts'
import { until } from '../run/start-run.ts'

const bin = join(import.meta.dirname, '..', '..', 'bin', 'stint.js')

/** A copy of bin/stint.js whose installation holds a program in the place of the command line. */
function install(t: TestContext, mainSource: string): string {
  const root = mkdtempSync(join(tmpdir(), 'stint-bin-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  mkdirSync(join(root, 'bin'))
  mkdirSync(join(root, 'src', 'cli'), { recursive: true })
  cpSync(bin, join(root, 'bin', 'stint.js'))
  cpSync(join(bin, '..', '..', 'src', 'host'), join(root, 'src', 'host'), { recursive: true })
  mkdirSync(join(root, 'node_modules'))
  symlinkSync(dirname(fileURLToPath(import.meta.resolve('koffi'))), join(root, 'node_modules', 'koffi'))
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(join(root, 'src', 'cli', 'main.ts'), mainSource)
  return root
}

/** Makes the script believe that it runs on Node 20, and puts `node24` where npm would have put Node 24. */
function onNode20(root: string, node24: string | undefined, first = ''): string[] {
  const pretend = join(root, 'pretend.mjs')
  writeFileSync(
    pretend,
    `${first}\nif (!process.env.PRETENDED) Object.defineProperty(process.versions, 'node', { value: '20.1.0' }); process.env.PRETENDED = '1'`,
  )
  if (node24 !== undefined) {
    const home = join(root, 'node_modules', `node-${process.platform}-${process.arch}`)
    mkdirSync(join(home, 'bin'), { recursive: true })
    writeFileSync(join(home, 'package.json'), '{"name":"node"}')
    writeFileSync(join(home, 'bin', 'node'), `#!/bin/sh\nexec ${node24} "$@"\n`, { mode: 0o755 })
  }
  return ['--import', pretend, join(root, 'bin', 'stint.js')]
}

async function ended(child: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  const code = new Promise<number | null>((done) => child.once('exit', done))
  const [out, err] = await Promise.all([child.stdout ? text(child.stdout) : '', child.stderr ? text(child.stderr) : ''])
  return { code: await code, out, err }
}

const MAIN = 'export const main = async (argv) => { process.stdout.write(JSON.stringify(argv)); return 7 }'

describe('bin/stint.js', () => {
  test('on Node 24 runs the command line and passes its exit code on', async (t) => {
    const root = install(t, MAIN)
    const { code, out } = await ended(spawn(process.execPath, [join(root, 'bin', 'stint.js'), 'a', '--b', 'c d']))
    assert.deepEqual([code, out], [7, '["a","--b","c d"]'])
  })

  test('on Node 20 runs it on the Node that npm installed, arguments and exit code unchanged', async (t) => {
    const root = install(t, MAIN)
    const { code, out, err } = await ended(spawn(process.execPath, [...onNode20(root, process.execPath), 'a', '--b', 'c d']))
    assert.deepEqual([code, out, err], [7, '["a","--b","c d"]', ''])
  })

  test('on Node 20 without one says what is needed', async (t) => {
    const { code, err } = await ended(spawn(process.execPath, onNode20(install(t, MAIN), undefined)))
    assert.equal(code, 1)
    assert.match(err, /^stint: Node 24 or newer is needed, this is 20\.1\.0\nnext: /)
  })

  test('passes a signal on, and ends as the other one ends', async (t) => {
    const source = `export const main = async () => {
      const stop = new Promise((done) => process.on('SIGTERM', done))
      setInterval(() => {}, 1000).unref
      process.stdout.write('up\\n')
      await stop
      process.exit(9)
    }`
    const child = spawn(process.execPath, onNode20(install(t, source), process.execPath))
    t.after(() => child.kill('SIGKILL'))
    const finished = ended(child)
    child.stdout.once('data', () => child.kill('SIGTERM'))
    assert.equal((await finished).code, 9)
  })

  test('passes a signal on that comes while it starts the other one', async (t) => {
    const first = `
      import processes from 'node:child_process'
      import { syncBuiltinESMExports } from 'node:module'
      const { spawn } = processes
      processes.spawn = (...given) => {
        const child = spawn(...given)
        process.kill(process.pid, 'SIGTERM')
        return child
      }
      syncBuiltinESMExports()`
    const source = 'export const main = () => new Promise(() => setInterval(() => {}, 1000))'
    const { code } = await ended(spawn(process.execPath, onNode20(install(t, source), process.execPath, first)))
    assert.equal(code, 143)
  })

  test('is killed with the process that the user started', { skip: process.platform !== 'linux' }, async (t) => {
    const source = `export const main = async () => {
      process.stdout.write(process.pid + ' ' + process.env.STINT_LAUNCHER)
      await new Promise(() => setInterval(() => {}, 1000))
    }`
    const child = spawn(process.execPath, onNode20(install(t, source), process.execPath))
    const [pid, leftover] = String((await once(child.stdout, 'data'))[0]).split(' ')
    t.after(() => void killTree({ pid: Number(pid), startTime: statOf(Number(pid))?.startTime ?? 0 }, { graceMs: 0 }))
    assert.equal(leftover, 'undefined')
    child.kill('SIGKILL')
    await until(() => statOf(Number(pid))?.isZombie ?? true)
  })

  test('shows no warning about experiments, and every other warning', async (t) => {
    const source = `import 'node:sqlite'
    export const main = async () => { process.emitWarning('mind the gap'); process.emitWarning('new', 'ExperimentalWarning'); return 0 }`
    const { err } = await ended(spawn(process.execPath, [join(install(t, source), 'bin', 'stint.js')]))
    assert.match(err, /mind the gap/)
    assert.doesNotMatch(err, /Experimental/i)
  })

  test('is a file that can be executed', () => {
    assert.ok(existsSync(bin))
  })
})
