#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'

// Plain JavaScript that Node 20 understands: it finds a Node that runs the rest.
const NEEDED = 24
/** Where Node 24 is told which process it stands for. */
const LAUNCHER = 'STINT_LAUNCHER'

if (major(process.versions.node) >= NEEDED) await startHere()
else startOnOwnNode()

async function startHere() {
  if (process.argv[2] === 'start') keepYoungGenerationSmall()
  // Compiled code is kept beside the libraries: whoever can write there can change the code itself.
  module.enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'stint'))
  const emitWarning = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'string' ? rest[0] : rest[0]?.type
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest)
  }
  if (process.env[LAUNCHER] !== undefined) await endWithLauncher()
  const { main } = await import('../src/cli/main.ts')
  process.exitCode = await main(process.argv.slice(2), process.env)
}

/** SIGKILL of the process that the user started is a SIGKILL of this one. */
async function endWithLauncher() {
  const { dieWithParent } = await import('../src/host/native.ts')
  dieWithParent()
  if (process.ppid !== Number(process.env[LAUNCHER])) process.exit(128 + constants.signals.SIGKILL)
  delete process.env[LAUNCHER]
}

/**
 * The server lives long and makes much short-lived garbage: with V8's default (32 MiB here) it keeps 100 MiB more than it uses, with 4 it
 * pauses more often. With --expose-gc it collects what large bodies leave behind (src/gateway/garbage.ts).
 */
function keepYoungGenerationSmall() {
  const flag = '--max-semi-space-size=16'
  if (process.execve === undefined || process.execArgv.includes(flag)) return
  process.execve(process.execPath, [process.execPath, flag, '--expose-gc', ...process.execArgv, ...process.argv.slice(1)])
}

function startOnOwnNode() {
  const node = ownNode()
  if (node === undefined) {
    process.stderr.write(`stint: Node ${NEEDED} or newer is needed, this is ${process.versions.node}\n`)
    process.stderr.write('next: run `npm ci` in the project, which brings its own Node, or install Node 24.\n')
    process.exit(1)
  }
  // Before there is a child, so that none is lost. A terminal sends Ctrl-C to both; passing it on as well would be a second one.
  for (const name of ['SIGINT', 'SIGQUIT']) process.on(name, () => process.stdin.isTTY || child.kill(name))
  for (const name of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGCONT']) process.on(name, () => child.kill(name))
  const env = { ...process.env, [LAUNCHER]: String(process.pid) }
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit', env })
  child.on('error', (error) => fail(error.message))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}

/** The Node that `npm ci` installed: the package of this platform, wherever it was hoisted to. */
function ownNode() {
  const name = `node-${process.platform}-${process.arch}`
  try {
    const file = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'bin', 'node')
    return existsSync(file) ? file : undefined
  } catch {
    return undefined
  }
}

function major(version) {
  return Number(version.split('.', 1)[0])
}

function fail(message) {
  process.stderr.write(`stint: ${message}\n`)
  process.exit(1)
}
