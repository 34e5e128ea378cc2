import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Done, Step } from '../fakes/mcp-client.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, openWorld, succeed, type World } from '../fakes/world.ts'
import { type Everything, startEverything } from '../services/mcp-everything.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CLIENT = join(import.meta.dirname, '..', 'fakes', 'mcp-client.ts')
const MANY = 'http://stint.invalid/mcp'
const directory = mkdtempSync(join(tmpdir(), 'stint-many-'))

let world: World
let everything: Everything
let one: Upstream
let two: Upstream

before(async () => {
  everything = await startEverything()
  world = await openWorld()
  one = await startServer('one')
  two = await startServer('two')
  await addTarget('one', one, 'read_tools=get-sum')
  await addTarget('two', two, 'destructive_tools=get-env')
  const down = ['--host', 'localhost:1', '--private-network', '127.0.0.0/8', '--private-network', '::1/128']
  await succeed(
    world.stint.cli([
      'target',
      'add',
      'down',
      '--connector',
      'mcp',
      '--environment',
      'development',
      ...down,
      '--set',
      'pins=off',
    ]),
  )
})
after(async () => {
  await world.close()
  await Promise.all([one.close(), two.close()])
  await everything.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function addTarget(id: string, upstream: Upstream, setting: string): Promise<void> {
  const where = ['--connector', 'mcp', '--environment', 'development', ...declared(upstream)]
  await succeed(world.stint.cli(['target', 'add', id, ...where, '--set', setting]))
  await succeed(world.stint.cli(['mcp', 'pin', id]))
}

/** The reference server behind a key of its own. */
function startServer(name: string): Promise<Upstream> {
  return startUpstream(join(directory, name), world.secret, (asked, response) => {
    const { method, url: path, headers } = asked
    const sent = request({ port: everything.port, host: '127.0.0.1', method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    asked.pipe(sent)
  })
}

function play(targets: readonly string[], ...steps: readonly Step[]): Promise<readonly Done[]> {
  return run(targets, steps, [])
}

async function run(targets: readonly string[], steps: readonly Step[], bridge: readonly string[]): Promise<readonly Done[]> {
  const [first = '', ...others] = targets
  const options = ['--show', ROOT, ...others.flatMap((id) => ['--target', id])]
  const { stdout } = await succeed(world.run(first, [process.execPath, CLIENT, MANY, JSON.stringify(steps), ...bridge], options))
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const call = (name: string, args: object = {}): Step => ({ ask: 'tools/call', params: { name, arguments: args } })
const namesIn = (done: Done | undefined, list: string, member = 'name'): string[] => {
  const items = (done?.result?.[list] ?? []) as Record<string, string>[]
  return items.map((item) => String(item[member]))
}

describe('many MCP servers behind one address', () => {
  test('are listed and called under their targets’ names, each as policy would have it at the target itself', async () => {
    const [tools, echo, sum, denied, long] = await play(
      ['one', 'two'],
      { ask: 'tools/list' },
      call('one__echo', { message: 'to one' }),
      call('two__get-sum', { a: 1, b: 2 }),
      call('two__get-env'),
      call('one__trigger-long-running-operation', { duration: 0.2, steps: 2 }),
    )
    const names = namesIn(tools, 'tools')
    assert.ok(names.includes('one__echo') && names.includes('two__echo') && names.includes('one__get-env'), String(names))
    assert.ok(!names.includes('two__get-env'), 'policy denies what is destructive')
    assert.match(JSON.stringify(echo?.result), /Echo: to one/)
    assert.match(JSON.stringify(sum?.result), /sum of 1 and 2 is 3/)
    assert.deepEqual([denied?.error?.code, denied?.error?.data?.code], [-32010, 'denied'], JSON.stringify(denied))
    assert.equal(long?.progress, 2, JSON.stringify(long))
    const { items } = await world.call<{ items: { kind: string; resource: string; target: string; code: string }[] }>(
      'GET',
      '/v1/audit/entries?limit=100',
    )
    const decided = items.filter(({ kind, resource }) => kind === 'decision' && resource?.startsWith('tool/'))
    assert.deepEqual(decided.map(({ target, resource, code }) => `${target} ${resource} ${code}`).toReversed(), [
      'one tool/echo allowed',
      'two tool/get-sum allowed',
      'two tool/get-env forbidden_by_policy',
      'one tool/trigger-long-running-operation allowed',
    ])
  })

  test('have their resources, templates and prompts joined, and read where they are', async () => {
    const [resources, templates, prompts] = await play(
      ['one', 'two'],
      { ask: 'resources/list' },
      { ask: 'resources/templates/list' },
      { ask: 'prompts/list' },
    )
    const uris = namesIn(resources, 'resources', 'uri')
    assert.ok(uris.some((uri) => uri.startsWith('stint:one/demo:')) && uris.some((uri) => uri.startsWith('stint:two/demo:')))
    assert.ok(namesIn(templates, 'resourceTemplates', 'uriTemplate').some((uri) => /^stint:two\/demo:.*\{/.test(uri)))
    const [name = ''] = namesIn(prompts, 'prompts').filter((prompt) => prompt.startsWith('two__simple'))
    const [read, got] = await play(
      ['one', 'two'],
      { ask: 'resources/read', params: { uri: uris[0] } },
      { ask: 'prompts/get', params: { name } },
    )
    assert.deepEqual(namesIn(read, 'contents', 'uri'), [uris[0]], JSON.stringify(read))
    assert.ok(got?.result, JSON.stringify(got))
  })

  test('do without one that is down', async () => {
    const [tools, echo, gone] = await play(
      ['one', 'down'],
      { ask: 'tools/list' },
      call('one__echo', { message: 'x' }),
      call('down__x'),
    )
    assert.ok(namesIn(tools, 'tools').includes('one__echo'), JSON.stringify(tools))
    assert.match(JSON.stringify(echo?.result), /Echo: x/)
    assert.equal(gone?.error?.code, -32602, JSON.stringify(gone))
  })

  test('are only those of the task: a name of no target of it is refused, and nothing is sent', async () => {
    const before = two.served.length
    const [other, none] = await play(['one'], call('two__echo', { message: 'x' }), call('echo', { message: 'x' }))
    assert.deepEqual([other?.error?.code, none?.error?.code], [-32602, -32602], JSON.stringify(other))
    assert.equal(two.served.length, before)
  })

  test('and one of them at its own address, are used by an agent that speaks only stdio, through mcp-remote', async () => {
    const remote = fileURLToPath(import.meta.resolve('mcp-remote/dist/proxy.js'))
    const bridge = (url: string): string[] => [remote, url, '--enable-proxy', '--allow-http', '--transport', 'http-only']
    const many = await run(['one', 'two'], [{ ask: 'tools/list' }, call('two__echo', { message: 'far' })], bridge(MANY))
    const names = namesIn(many[0], 'tools')
    assert.ok(names.includes('one__echo') && names.includes('two__echo'), String(names))
    assert.match(JSON.stringify(many[1]?.result), /Echo: far/)
    const own = `https://localhost:${two.port}/mcp`
    const [echo, denied] = await run(['two'], [call('echo', { message: 'alone' }), call('get-env')], bridge(own))
    assert.match(JSON.stringify(echo?.result), /Echo: alone/)
    assert.deepEqual([denied?.error?.code, denied?.error?.data?.code], [-32010, 'denied'], JSON.stringify(denied))
  })
})
