import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { finish } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, openWorld, succeed, type World } from '../fakes/world.ts'
import { type Everything, startEverything } from '../services/mcp-everything.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const BIN = join(ROOT, 'bin', 'stint.js')
const PROGRAM = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))

let world: World
let everything: Everything
let upstream: Upstream
const directory = mkdtempSync(join(tmpdir(), 'stint-mcp-bridge-'))

before(async () => {
  everything = await startEverything()
  world = await openWorld()
  upstream = await startUpstream(directory, world.secret, (asked, response) => {
    const { method, url: path, headers } = asked
    const sent = request({ port: everything.port, host: '127.0.0.1', method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    asked.pipe(sent)
  })
  const common = ['--connector', 'mcp', '--environment', 'development', '--set', 'destructive_tools=get-env', 'pins=off']
  await succeed(world.stint.cli(['target', 'add', 'over-http', ...common, ...declared(upstream)]))
  const program = ['--set', `command=${process.execPath}`, `args=${PROGRAM}`, 'args=stdio']
  await succeed(world.stint.cli(['target', 'add', 'over-stdio', ...common, ...program]))
})
after(async () => {
  await world.close()
  await upstream.close()
  await everything.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** A real client that starts `stint mcp TARGET` as it would start any server. */
async function connect(target: string): Promise<Client> {
  const client = new Client({ name: 'stint-test', version: '1' }, { capabilities: { sampling: {}, roots: {} } })
  client.setRequestHandler('sampling/createMessage', async () => ({
    ...{ role: 'assistant', model: 'none', stopReason: 'endTurn' },
    content: { type: 'text', text: 'sampled here' },
  }))
  client.setRequestHandler('roots/list', async () => ({ roots: [] }))
  const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', STINT_HOME: world.stint.home }
  const args = [BIN, 'mcp', target, '--task', 'try the bridge', '--ttl', '5m']
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env, cwd: world.workspace, stderr: 'ignore' }))
  return client
}

const call = (name: string, args: object = {}) => ({ method: 'tools/call', params: { name, arguments: args } }) as const

describe('stint mcp', () => {
  for (const target of ['over-stdio', 'over-http'])
    test(`is a server over stdio that is ${target} behind the gateway, both ways`, async (t) => {
      const client = await connect(target)
      t.after(() => client.close())
      const { tools } = await client.listTools()
      assert.ok(tools.some(({ name }) => name === 'echo') && !tools.some(({ name }) => name === 'get-env'))
      assert.match(JSON.stringify(await client.request(call('echo', { message: 'through' }))), /Echo: through/)
      let progress = 0
      const onprogress = (): void => {
        progress += 1
      }
      await client.request(call('trigger-long-running-operation', { duration: 0.2, steps: 2 }), { onprogress })
      assert.ok(progress > 0, 'the client forgets progress that it reads together with the result')
      const sampled = await client.request(call('trigger-sampling-request', { prompt: 'a', maxTokens: 5 }))
      assert.match(JSON.stringify(sampled), /sampled here/)
      const refused = await client.request(call('get-env')).then(
        () => assert.fail('it was answered'),
        (thrown) => thrown,
      )
      assert.deepEqual([refused.code, refused.data?.code], [-32010, 'denied'])
      await client.close()
      const { items } = await world.call<{ items: unknown[] }>('GET', '/v1/tasks?state=live&limit=10')
      assert.deepEqual(items, [], 'its task ended with it')
    })

  const line = (message: object): string => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`
  const INITIALIZE = {
    id: 'first',
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } },
  }

  test('speaks for the task of the run that it is in, and writes nothing else to standard output', async () => {
    const child = world.begin('over-stdio', [process.execPath, BIN, 'mcp', 'over-stdio'], ['--show', ROOT])
    const done = finish(child, `this is no message\n${line(INITIALIZE)}${line({ method: 'notifications/initialized' })}`)
    const { code, stdout } = await done
    const messages = stdout
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text))
    assert.equal(code, 0)
    assert.deepEqual([messages[0].error.code, messages[1].id], [-32700, 'first'])
    assert.equal(messages[1].result.protocolVersion, '2025-11-25')
  })

  test('says what it lacks, and nothing to standard output', async () => {
    const inside = await finish(world.begin('over-stdio', [process.execPath, BIN, 'mcp', 'over-http'], ['--show', ROOT]))
    assert.deepEqual([inside.code, inside.stdout], [125, ''])
    assert.match(inside.stderr, /no MCP server over-http/)
    const outside = await world.stint.cli(['mcp', 'nowhere'])
    assert.deepEqual([outside.code, outside.stdout], [125, ''])
  })
})
