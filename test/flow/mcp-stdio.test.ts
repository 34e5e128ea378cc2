import assert from 'node:assert/strict'
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Done, Step } from '../fakes/mcp-client.ts'
import { firstOutput, isInstalled, openWorld, succeed, type World } from '../fakes/world.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CLIENT = join(ROOT, 'test', 'fakes', 'mcp-client.ts')
const programOf = (name: string): string =>
  fileURLToPath(import.meta.resolve(`@modelcontextprotocol/server-${name}/dist/index.js`))

/** Among the arguments of one program, so that it is found. */
const MARK = crypto.randomUUID()

let world: World
let files: string

before(async () => {
  world = await openWorld()
  files = join(world.workspace, 'files')
  mkdirSync(files)
  writeFileSync(join(files, 'kettle.txt'), 'It does not whistle.\n')
  const declared: readonly [id: string, ...more: string[]][] = [
    ['everything', `args=${programOf('everything')}`, 'args=stdio', 'read_tools=get-env', 'env=KETTLE=whistles'],
    ['files', `args=${programOf('filesystem')}`, `args=${files}`, 'read_tools=read_text_file'],
    ['program', `args=${join(ROOT, 'test', 'fakes', 'mcp-program.ts')}`, 'args=serve', `args=${MARK}`],
    ['memory', `args=${programOf('memory')}`, `env=MEMORY_FILE_PATH=${join(world.workspace, 'memory.json')}`],
  ]
  for (const [id, ...settings] of declared) {
    const credential = id === 'everything' ? ['--credential', 'key', '--inject', 'env:EVERYTHING_KEY'] : []
    const program = ['--connector', 'mcp', '--environment', 'development', '--set', `command=${process.execPath}`, ...settings]
    await succeed(world.stint.cli(['target', 'add', id, ...program, ...credential]))
    await succeed(world.stint.cli(['mcp', 'pin', id]))
  }
})
after(() => world.close())

/** A session of the real client under a task of its own; what came of each step. */
async function play(target: string, ...steps: readonly Step[]): Promise<readonly Done[]> {
  const client = [process.execPath, CLIENT, `https://${target}.mcp.internal/mcp`, JSON.stringify(steps)]
  const { stdout } = await succeed(world.run(target, client, ['--show', ROOT]))
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function textIn(done: Done | undefined): string {
  const [first] = (done?.result?.content ?? []) as { text: string }[]
  return first?.text ?? ''
}

/** Whether some process has this among its arguments; not the commands that the test itself runs. */
function isRunning(mark: string): boolean {
  const commands = globSync('/proc/[0-9]*/cmdline').map((file) => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      return '' // it has ended
    }
  })
  return commands.some((command) => command.includes(`serve\0${mark}`))
}

const call = (name: string, args: object = {}): Step => ({ ask: 'tools/call', params: { name, arguments: args } })

const COUNTED = `
@id("counts-too-far")
@reason("It counts too far.")
forbid (principal, action == Action::"mcp:Tool::call", resource == Target::"program")
when { context has integers && context.integers.hasTag("most") && context.integers.getTag("most") > 100 };
`

describe('an MCP server that is a program', () => {
  test('is used over HTTP by an unmodified client, each call an action in the log, with progress', async () => {
    const [list, echo, long] = await play(
      'everything',
      { ask: 'tools/list' },
      call('echo', { message: 'through' }),
      call('trigger-long-running-operation', { duration: 0.2, steps: 2 }),
    )
    assert.match(JSON.stringify(list?.result), /"echo"/)
    assert.match(JSON.stringify(echo?.result), /Echo: through/)
    assert.equal(long?.progress, 2, JSON.stringify(long))
    const { items } = await world.call<{ items: { kind: string; action: string; resource: string }[] }>(
      'GET',
      '/v1/audit/entries?limit=100&target=everything',
    )
    assert.ok(items.some(({ kind, resource }) => kind === 'decision' && resource === 'tool/echo'))
  })

  test('has its credential and its settings in its environment, nothing of Stint’s, and no client sees the credential', async () => {
    const [told] = await play('everything', call('get-env'))
    const text = JSON.stringify(told?.result)
    const environment = JSON.parse(textIn(told)) as Record<string, string>
    assert.match(environment.EVERYTHING_KEY ?? '', /^\[scrubbed\]/)
    assert.ok(!text.includes(world.secret))
    assert.equal(environment.KETTLE, 'whistles')
    const own = Object.keys(environment).filter((name) => name.startsWith('STINT_'))
    assert.deepEqual(own, ['STINT_TASK'])
  })

  test('remembers for one session, as servers do', async () => {
    const entity = { name: 'kettle', entityType: 'thing', observations: ['silent'] }
    const [made, read] = await play('memory', call('create_entities', { entities: [entity] }), call('read_graph'))
    assert.equal(made?.error, undefined, JSON.stringify(made))
    assert.match(JSON.stringify(read?.result), /silent/)
  })

  test('has arguments that are whole numbers, as it said when it was pinned: policies count them, and one that is a text is refused', async () => {
    writeFileSync(join(world.stint.home, 'policies', 'own.cedar'), COUNTED)
    await world.call('POST', '/v1/policy/reload')
    const [text, large, small] = await play('program', ...['5', 500, 5].map((most) => call('count', { most })))
    assert.match(JSON.stringify(text?.error), /the argument most is no whole number/)
    assert.match(JSON.stringify(large?.error), /It counts too far/)
    assert.match(textIn(small), /^1 in /, 'nothing of the other calls arrived')
  })

  test('is another program for another task, and sees neither Stint’s data directory nor its processes', async (t) => {
    const [one, key, processes] = await play(
      'program',
      call('count'),
      call('read', { path: join(world.stint.home, 'token.key') }),
      call('read', { path: `/proc/${world.stint.server.pid}/cmdline` }),
    )
    const [other] = await play('program', call('count'))
    for (const done of [one, other]) assert.match(JSON.stringify(done?.result), /"1 in /)
    if (!isInstalled('bwrap')) return t.skip('bubblewrap is not installed')
    for (const done of [key, processes]) assert.match(JSON.stringify(done?.result), /ENOENT/)
  })

  test('is gone with its task’s revocation, and with its target', async () => {
    for (const [owner, ...stop] of [
      ['one@example.com', 'revoke', '--owner', 'one@example.com', '--reason', 'enough'],
      ['two@example.com', 'target', 'remove', 'program'],
    ] as const) {
      const client = [
        process.execPath,
        CLIENT,
        'https://program.mcp.internal/mcp',
        JSON.stringify([call('count'), call('silent')]),
      ]
      const running = world.begin('program', client, ['--show', ROOT, '--owner', owner])
      assert.match(await firstOutput(running), /1 in /)
      assert.ok(isRunning(MARK))
      const over = new Promise((done) => running.once('close', done))
      await succeed(world.stint.cli(stop))
      await over
      while (isRunning(MARK)) await new Promise((done) => setTimeout(done, 20))
    }
  })

  test('answers from files, and says itself what it does not show', async () => {
    const [inside, outside] = await play(
      'files',
      call('read_text_file', { path: join(files, 'kettle.txt') }),
      call('read_text_file', { path: join(world.stint.home, 'vault.key') }),
    )
    assert.match(JSON.stringify(inside?.result), /whistle/)
    assert.equal(outside?.result?.isError, true, JSON.stringify(outside))
    assert.ok(readFileSync(join(files, 'kettle.txt')).length > 0)
  })
})
