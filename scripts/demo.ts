import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '../src/api/verbs.ts'
import type { Approval } from '../src/approvals/approval.ts'
import type { Receipt } from '../src/killswitch.ts'
import type { Task } from '../src/model.ts'
import { type Finished, finish } from '../test/fakes/stint.ts'
import { downloading, fetching, firstOutput, openWorld, succeed } from '../test/fakes/world.ts'
import { playMcp } from './demo-mcp.ts'

/** `npm run demo`: the whole story, offline, on a real HTTPS system and a real git server. Ends 0 only if every step went as told. */
process.stdout.write(
  'Starting Stint, an HTTPS system and a git server. Both systems want a key; it goes to the vault, on stdin.\n',
)
const world = await openWorld()
const { stint, api, code, secret, apiUrl, gitUrl, workspace } = world
const clone = join(workspace, 'clone')
let failures = 0
let isSandboxed = true

/** One step of the story: what is about to happen, then what did. `play` answers what was seen, or throws. */
async function step(told: string, play: () => Promise<string>): Promise<void> {
  process.stdout.write(`\n● ${told}\n`)
  try {
    process.stdout.write(`  ${(await play()).trim().replaceAll('\n', '\n  ')}\n`)
  } catch (thrown) {
    failures += 1
    process.stdout.write(`  ✗ NOT AS TOLD: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  }
}

function expect(condition: boolean, seen: Finished | string): void {
  if (condition) return
  throw new Error(typeof seen === 'string' ? seen : `exit ${seen.code}\n${seen.stdout}\n${seen.stderr}`)
}

function lastLines(text: string, count: number): string {
  return text.trim().split('\n').slice(-count).join('\n')
}

/** Node as a client of a plain forward proxy: asks for an http URL through HTTP_PROXY and prints the answer. */
function asking(url: string): string[] {
  const script = `
    const { get } = await import('node:http')
    const asked = get(process.argv[1], async (answer) => console.log(answer.statusCode, (await answer.toArray()).join('')))
    asked.on('error', (error) => console.log('nobody answers:', error.code))`
  return [process.execPath, '--input-type=module', '-e', script, url]
}

await step('A program reads through Stint. It holds no key.', async () => {
  const done = await succeed(world.run('api', fetching(`${apiUrl}/issues`)))
  expect(done.stdout.includes('kettle') && !done.stdout.includes(secret), done)
  isSandboxed = done.stderr.includes('sandbox: the gateway')
  return `${done.stdout.trim()}\n(the system served \`${api.served.at(-1)}\` because it came with the key)`
})

await step('The system echoes the request, key included. The key is scrubbed from the answer.', async () => {
  const done = await succeed(world.run('api', fetching(`${apiUrl}/echo`)))
  expect(done.stdout.includes('[scrubbed]') && !done.stdout.includes(secret), done)
  return /"authorization":"[^"]*"/.exec(done.stdout)?.[0] ?? ''
})

await step('A host that no target declares is refused, with the command that would allow it.', async () => {
  const done = await succeed(world.run('api', asking('http://other.example/')))
  expect(done.stdout.startsWith('403') && done.stdout.includes('stint target add'), done)
  return done.stdout
})

await step('git clones over HTTPS: a fetch is a read, so it is allowed.', async () => {
  await succeed(world.run('code', ['git', 'clone', '--quiet', gitUrl, 'clone']))
  expect(readFileSync(join(clone, 'README'), 'utf8') === 'demo\n', 'the clone is not whole')
  return `cloned ${gitUrl}`
})

await step(
  'git pushes: a write to production. Policy wants a person to consent, so it is refused, and a person is asked.',
  async () => {
    writeFileSync(join(clone, 'README'), 'changed\n')
    const commit = 'git -c user.name=demo -c user.email=demo@example.com commit -qam two'
    const done = await world.run('code', ['sh', '-c', `cd clone && ${commit} && git push origin HEAD:main`])
    const arrived = code.served.some((line) => line.startsWith('POST') && line.endsWith('git-receive-pack'))
    expect(done.code !== 0 && !arrived && /approval|403/.test(done.stderr), done)
    const said = done.stderr.split('\n').filter((line) => /403|approval|remote:/.test(line))
    return said.join('\n')
  },
)

await step('A person looks at it and says yes: the same push goes through, once.', async () => {
  const script = 'cd clone; git push -q origin HEAD:main; echo asked; read go; git push origin HEAD:main'
  const child = world.begin('code', ['sh', '-c', script])
  await firstOutput(child)
  const { items } = await world.call<Page<Approval>>('GET', '/v1/approvals?state=pending&limit=1')
  const { stdout } = await succeed(stint.cli(['approvals', 'grant', items[0]?.id ?? 'none', '--reason', 'looked at it']))
  const done = await finish(child, 'go\n')
  expect(done.code === 0 && done.stderr.includes('HEAD -> main'), done)
  return `${stdout
    .split('\n')
    .filter((line) => /^(does|why asked|answer) /.test(line))
    .join('\n')}\n${lastLines(done.stderr, 1)}`
})

await playMcp(world, step)

await step('Another process steals the proxy address of a running task and tries to use it.', async () => {
  const victim = world.begin('api', ['sh', '-c', 'echo $HTTP_PROXY; exec sleep 30'])
  const address = await firstOutput(victim)
  const before = api.served.length
  const [node = '', ...script] = asking(`http://localhost:${api.port}/issues`)
  const thief = await finish(
    spawn(node, script, { env: { PATH: process.env.PATH, HTTP_PROXY: address, NODE_USE_ENV_PROXY: '1' } }),
  )
  victim.kill('SIGTERM')
  await finish(victim)
  expect(api.served.length === before && !thief.stdout.startsWith('200'), thief)
  return `stolen ${address}; ${thief.stdout.split('\n')[0] || lastLines(thief.stderr, 1)}`
})

await step('The kill switch is pulled in the middle of a download.', async () => {
  const download = world.begin('api', downloading(`${apiUrl}/endless`))
  await firstOutput(download)
  const [task] = (await world.call<{ items: Task[] }>('GET', '/v1/tasks?state=live')).items
  const killed = await succeed(stint.cli(['revoke', '--task', task?.id ?? '', '--reason', 'demo', '--json']))
  const { cut, timings } = JSON.parse(killed.stdout) as Receipt
  const done = await finish(download)
  expect(done.code !== 0 && cut > 0 && api.open === 0, done)
  return `${cut} open flows cut ${timings.cutMs} ms after the command was taken; the program ended with ${done.code}`
})

await step('The program looks for the vault from inside.', async () => {
  if (!isSandboxed) {
    return 'NOT SHOWN: there is no sandbox on this machine, and without one Stint does not promise this.\nInstall bubblewrap (apt-get install bubblewrap) and play the demo again.'
  }
  const look = `ls -A ${stint.home}; cat ${stint.home}/vault.key; find / -name vault.key -not -path '/proc/*'`
  const done = await world.run('api', ['sh', '-c', `(${look}) 2>/dev/null; true`])
  const names = readdirSync(stint.home)
  expect(names.includes('vault.key') && !names.some((name) => done.stdout.includes(name)), done)
  return `it finds nothing; outside, the directory has ${names.length} entries`
})

await step('The audit log is verified, offline, from its first entry.', async () => {
  const done = await succeed(stint.cli(['audit', 'verify']))
  return lastLines(done.stdout, 5)
})

await world.close()
process.stdout.write(failures === 0 ? '\nEvery step went as told.\n' : `\n${failures} steps did not go as told.\n`)
process.exit(failures === 0 ? 0 : 1)
