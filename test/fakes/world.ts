import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '../../src/cli/client.ts'
import { type Finished, finish, type Installation, startStint } from './stint.ts'
import { startUpstream, type Upstream } from './upstream.ts'

/** A real Stint with two declared systems: `api` (development) and `code`, a git host (production). Both want the same key. */
export interface World {
  readonly stint: Installation
  readonly api: Upstream
  readonly code: Upstream
  readonly secret: string
  /** Where sandboxed commands may write; their working directory. */
  readonly workspace: string
  /** `https://localhost:PORT` of each system. */
  readonly apiUrl: string
  readonly gitUrl: string
  readonly call: ReturnType<typeof createClient>['call']
  /** `stint run --target … -- command`, to its end. */
  run(target: string, command: readonly string[], options?: readonly string[]): Promise<Finished>
  /** The same, not waited for. */
  begin(target: string, command: readonly string[], options?: readonly string[]): ChildProcess
  close(): Promise<void>
}

/** Starts everything; `env` adds settings. */
export async function openWorld(env: Readonly<Record<string, string>> = {}): Promise<World> {
  await using opened = new AsyncDisposableStack() // closed again if something of it fails
  const directory = mkdtempSync(join(tmpdir(), 'stint-world-'))
  opened.defer(() => rmSync(directory, { recursive: true, force: true }))
  const workspace = join(directory, 'workspace')
  mkdirSync(workspace)
  const secret = `upstream-key-${crypto.randomUUID()}`
  const api = await startUpstream(join(directory, 'api'), secret)
  opened.defer(() => api.close())
  const code = await startUpstream(join(directory, 'code'), secret)
  opened.defer(() => code.close())
  const stint = await startStint(env)
  opened.defer(() => stint.stop())
  const { call } = createClient(() => stint.home)
  await succeed(stint.cli(['target', 'add', 'api', '--environment', 'development', ...declared(api)]))
  await succeed(stint.cli(['target', 'add', 'code', '--connector', 'git', '--environment', 'production', ...declared(code)]))
  await succeed(stint.cli(['credential', 'add', 'key'], secret))
  const begin: World['begin'] = (target, command, options = []) => {
    const wish = ['--task', 'exercise Stint', '--target', target, '--ttl', '5m', ...options]
    return stint.spawn(['run', ...wish, '--', ...command], { cwd: workspace, stdio: ['pipe', 'pipe', 'pipe'] })
  }
  const kept = opened.move()
  return {
    ...{ stint, api, code, secret, workspace, call, begin },
    apiUrl: `https://localhost:${api.port}`,
    gitUrl: `https://localhost:${code.port}/git/demo.git`,
    run: (target, command, options) => finish(begin(target, command, options)),
    close: () => kept.disposeAsync(),
  }
}

/** The result of a command that must have worked. */
export async function succeed(running: Promise<Finished>): Promise<Finished> {
  const done = await running
  if (done.code !== 0) throw new Error(`exit ${done.code}\n${done.stdout}\n${done.stderr}`)
  return done
}

/** Whether a program is installed here. */
export function isInstalled(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
}

/** What `stint target add` is told about an upstream: where it is, whom to trust, which key. */
export function declared(upstream: Upstream): string[] {
  const where = ['--host', `localhost:${upstream.port}`, '--private-network', '127.0.0.0/8', '--private-network', '::1/128']
  return [...where, '--ca-file', upstream.caFile, '--credential', 'key']
}

/** Node itself as an HTTP client: prints the status and the body. */
export function fetching(url: string): string[] {
  const script = 'const answer = await fetch(process.argv[1]); console.log(answer.status, await answer.text())'
  return [process.execPath, '--input-type=module', '-e', script, url]
}

/** Node as a client of a download: says `downloading` at the first bytes, then reads on. */
export function downloading(url: string): string[] {
  const script = `
    const answer = await fetch(process.argv[1])
    let bytes = 0
    for await (const chunk of answer.body) {
      if (bytes === 0) console.log('downloading')
      bytes += chunk.length
    }`
  return [process.execPath, '--input-type=module', '-e', script, url]
}

/** The first thing a child prints. Rejects when it ends before. */
export function firstOutput(child: ChildProcess): Promise<string> {
  return new Promise((done, failed) => {
    let errors = ''
    child.stderr?.on('data', (chunk) => (errors += chunk))
    child.stdout?.once('data', (chunk) => done(String(chunk).trim()))
    child.once('exit', (code) => failed(new Error(`ended with ${code} before it said anything: ${errors}`)))
  })
}
