import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const bin = join(import.meta.dirname, '..', '..', 'bin', 'stint.js')

/** What a finished command left behind. */
export interface Finished {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** A real Stint: its own process, data directory and free ports. */
export interface Installation {
  readonly home: string
  readonly apiPort: number
  readonly gatewayPort: number
  readonly server: ChildProcess
  /** Runs `stint …` against it and waits. */
  cli(args: readonly string[], input?: string): Promise<Finished>
  /** Starts `stint …` and does not wait. */
  spawn(args: readonly string[], options?: SpawnOptions): ChildProcess
  /** Starts the server again on the same data directory. */
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Starts one in a new data directory, `prepare`d where given; `env` adds settings. */
export async function startStint(
  env: Readonly<Record<string, string>> = {},
  prepare: (home: string) => void = () => undefined,
): Promise<Installation> {
  const home = join(mkdtempSync(join(tmpdir(), 'stint-test-')), 'home')
  prepare(home)
  const environment = { ...cleanEnv(), STINT_HOME: home, STINT_API_PORT: '0', STINT_GATEWAY_PORT: '0', ...env }
  let running = await boot(environment)
  const start = (args: readonly string[], options: SpawnOptions = {}): ChildProcess =>
    spawn(process.execPath, [bin, ...args], { env: environment, ...options })
  return {
    home,
    get apiPort() {
      return running.apiPort
    },
    get gatewayPort() {
      return running.gatewayPort
    },
    get server() {
      return running.server
    },
    spawn: start,
    cli: (args, input) => finish(start(args), input),
    async restart() {
      await ended(running.server)
      running = await boot(environment)
    },
    async stop() {
      running.server.kill('SIGTERM')
      await ended(running.server)
      rmSync(join(home, '..'), { recursive: true, force: true })
    },
  }
}

/** Collects a child's output until it ends. */
export async function finish(child: ChildProcess, input?: string): Promise<Finished> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk) => (stdout += chunk))
  child.stderr?.on('data', (chunk) => (stderr += chunk))
  child.stdin?.end(input ?? '')
  const code = await ended(child)
  return { code, stdout, stderr }
}

function ended(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode ?? 128)
  return new Promise((done) => child.once('close', (code) => done(code ?? 128)))
}

async function boot(env: NodeJS.ProcessEnv): Promise<{ server: ChildProcess; apiPort: number; gatewayPort: number }> {
  const server = spawn(process.execPath, [bin, 'start', '--json'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  server.stderr.on('data', (chunk) => (errors += chunk))
  const line = await new Promise<string>((ready, failed) => {
    let text = ''
    server.stdout.on('data', (chunk) => {
      text += chunk
      if (text.includes('\n')) ready(text)
    })
    server.once('exit', (code) => failed(new Error(`stint start ended with ${code}: ${errors}`)))
  })
  const { api, gateway } = JSON.parse(line) as { api: string; gateway: string }
  return { server, apiPort: Number(new URL(api).port), gatewayPort: Number(new URL(gateway).port) }
}

/** The environment without anything that would change how Stint behaves. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^STINT_|proxy$/i.test(name)))
}
