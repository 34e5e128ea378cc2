import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Finished, finish, type Installation, startStint } from '../test/fakes/stint.ts'
import { startUpstream, type Upstream } from '../test/fakes/upstream.ts'

/** `npm run demo`: the whole story, offline, on a real HTTPS system and a real git server. Ends 0 only if every step went as told. */
const directory = mkdtempSync(join(tmpdir(), 'stint-demo-'))
const secret = `demo-key-${crypto.randomUUID()}`
const workspace = join(directory, 'workspace')
let stint: Installation
let api: Upstream
let code: Upstream
let failures = 0

/** One step of the story: what is about to happen, then what did. `check` answers what was seen, or throws. */
async function step(told: string, check: () => Promise<string>): Promise<void> {
  process.stdout.write(`\n● ${told}\n`)
  try {
    process.stdout.write(`  ${(await check()).trim().replaceAll('\n', '\n  ')}\n`)
  } catch (thrown) {
    failures += 1
    process.stdout.write(`  ✗ NOT AS TOLD: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  }
}

function expect(condition: boolean, seen: Finished | string): asserts condition {
  if (condition) return
  throw new Error(typeof seen === 'string' ? seen : `exit ${seen.code}\n${seen.stdout}\n${seen.stderr}`)
}

async function stintCli(...args: string[]): Promise<Finished> {
  const done = await stint.cli(args)
  expect(done.code === 0, done)
  return done
}

/** `stint run` on the demo's target. */
function run(target: string, ...command: string[]): Promise<Finished> {
  return stint.cli(['run', '--task', 'play the demo', '--target', target, '--ttl', '5m', '--', ...command])
}

/** The command that a program in the task uses to fetch a URL: Node itself, so that the demo needs nothing else. */
function fetching(url: string): string[] {
  const script = `
    const answer = await fetch(process.argv[1])
    console.log(answer.status, await answer.text())
  `
  return [process.execPath, '--input-type=module', '-e', script, url]
}

/** Says when the first bytes are there, then goes on reading. */
function downloading(url: string): string[] {
  const script = `
    const answer = await fetch(process.argv[1])
    let said = false
    for await (const chunk of answer.body) {
      if (!said) console.log('downloading', chunk.length)
      said = true
    }
  `
  return [process.execPath, '--input-type=module', '-e', script, url]
}

const story = async (): Promise<void> => {
  const apiUrl = `https://localhost:${api.port}`
  const gitUrl = `https://localhost:${code.port}/git/demo.git`

  await step(
    'A system and its key are declared. The key goes to the vault; it is given on stdin, never as an argument.',
    async () => {
      await stintCli('target', 'add', 'api', ...declared(api))
      await stintCli('target', 'add', 'code', '--connector', 'git', '--environment', 'production', ...declared(code))
      const added = await stint.cli(['credential', 'add', 'demo-key'], secret)
      expect(added.code === 0, added)
      return 'targets `api` and `code`, credential `demo-key`'
    },
  )

  await step('A program reads through Stint. It holds no key; the system wants one.', async () => {
    const done = await run('api', ...fetching(`${apiUrl}/issues`))
    expect(done.code === 0 && done.stdout.includes('kettle'), done)
    expect(!done.stdout.includes(secret), 'the key was printed')
    return `${done.stdout.trim()}\n(the system saw ${api.served.at(-1)} with the key)`
  })

  await step('The program asks the system to echo its request, key included. The key is scrubbed from the answer.', async () => {
    const done = await run('api', ...fetching(`${apiUrl}/echo`))
    expect(done.code === 0 && done.stdout.includes('[scrubbed]') && !done.stdout.includes(secret), done)
    return 'authorization: [scrubbed]'
  })

  await step('A host that no target declares is refused, with the command that would allow it.', async () => {
    const done = await run('api', ...fetching('http://other.example/'))
    expect(done.stdout.startsWith('403') && done.stdout.includes('stint target add'), done)
    return done.stdout
  })

  await step('git clones over HTTPS: a fetch is a read, so it is allowed.', async () => {
    const done = await run('code', 'git', 'clone', '--quiet', gitUrl, join(workspace, 'clone'))
    expect(done.code === 0 && readFileSync(join(workspace, 'clone', 'README'), 'utf8') === 'demo\n', done)
    return 'cloned'
  })

  await step('git pushes: a write to production. Policy wants approval, which nobody gave, so it is refused.', async () => {
    writeFileSync(join(workspace, 'clone', 'README'), 'changed\n')
    const git = `git -c user.name=demo -c user.email=demo@example.com commit -qam two && git push origin HEAD:main`
    const done = await run('code', 'sh', '-c', `cd ${join(workspace, 'clone')} && ${git}`)
    expect(done.code !== 0, done)
    expect(!code.served.some(isGit), 'the push arrived')
    return lastLines(done.stderr)
  })

  await step('Another process steals the proxy address of a running task and tries to use it.', async () => {
    const victim = stint.spawn(
      ['run', '--task', 'be stolen from', '--target', 'api', '--ttl', '5m', '--', 'sh', '-c', 'echo $HTTPS_PROXY; sleep 30'],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const address = await firstLine(victim)
    const thief = spawn(process.execPath, fetching(`http://localhost:${api.port}/issues`).slice(1), {
      env: { PATH: process.env.PATH, NODE_USE_ENV_PROXY: '1', HTTP_PROXY: address, http_proxy: address },
    })
    const before = api.served.length
    const done = await finish(thief)
    victim.kill('SIGTERM')
    expect(api.served.length === before && !done.stdout.startsWith('200'), done)
    return `stolen: ${address}\nrefused: ${done.stdout.split('\n')[0] || lastLines(done.stderr)}`
  })

  await step('The kill switch is pulled in the middle of a download.', async () => {
    const download = stint.spawn(
      ['run', '--task', 'download all of it', '--target', 'api', '--ttl', '5m', '--', ...downloading(`${apiUrl}/endless`)],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    await firstLine(download)
    const killed = await stintCli('revoke', '--task', await taskNamed('download all of it'), '--reason', 'demo', '--json')
    const receipt = JSON.parse(killed.stdout) as { cut: number; timings: { totalMs: number }; revocation: { number: number } }
    const done = await finish(download)
    expect(done.code !== 0 && receipt.cut > 0 && api.open === 0, done)
    await stintCli('revoke', 'lift', String(receipt.revocation.number), '--reason', 'the demo goes on')
    return `cut ${receipt.cut} open flows in ${receipt.timings.totalMs} ms; the program ended with ${done.code}`
  })

  await step('The program looks for the vault from inside.', async () => {
    const script = `ls -la ${stint.home} 2>&1; find / -name vault.key -not -path '/proc/*' 2>/dev/null; cat ${stint.home}/vault.key 2>&1; echo sandbox=$STINT_SANDBOX`
    const done = await run('api', 'sh', '-c', script)
    if (done.stdout.includes('sandbox=off')) {
      return 'NOT SHOWN: there is no sandbox on this machine, and without one Stint does not promise this.\nInstall bubblewrap (apt-get install bubblewrap) and play the demo again.'
    }
    const names = readdirSync(stint.home)
    expect(names.length > 3 && !names.some((name) => name.length > 3 && done.stdout.includes(name + '\n')), done)
    return `it finds nothing; the data directory (${names.length} entries outside) does not exist in there`
  })

  await step('The audit log is verified, offline, from its first entry.', async () => {
    const done = await stintCli('audit', 'verify')
    return done.stdout
  })
}

function declared(upstream: Upstream): string[] {
  const where = ['--host', `localhost:${upstream.port}`, '--private-network', '127.0.0.0/8', '--private-network', '::1/128']
  return [...where, '--ca-file', upstream.caFile, '--credential', 'demo-key']
}

function isGit(line: string): boolean {
  return line.startsWith('POST') && line.endsWith('git-receive-pack')
}

async function taskNamed(purpose: string): Promise<string> {
  const { stdout } = await stintCli('task', 'list', '--json')
  const { items } = JSON.parse(stdout) as { items: { id: string; purpose: string }[] }
  const found = items.find((task) => task.purpose === purpose)
  expect(found !== undefined, `no task is called "${purpose}"`)
  return found.id
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((done, failed) => {
    child.stdout?.once('data', (chunk) => done(String(chunk).trim()))
    child.once('exit', (code) => failed(new Error(`ended with ${code} before it said anything`)))
  })
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-2).join('\n')
}

await mkdir(workspace)
api = await startUpstream(join(directory, 'api'), secret)
code = await startUpstream(join(directory, 'code'), secret)
stint = await startStint()
try {
  await story()
} finally {
  await stint.stop()
  await Promise.all([api.close(), code.close()])
  await rm(directory, { recursive: true, force: true })
}
const words = failures === 0 ? 'Every step went as told.' : `${failures} steps did not go as told.`
process.stdout.write(`\n${words}\n`)
process.exit(failures === 0 ? 0 : 1)
