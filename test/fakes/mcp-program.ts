import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** A server of MCP over stdio that does what a tool of it is called: `node mcp-program.ts [FAULT]`. */
const TOOLS: Readonly<Record<string, (args: Record<string, string>, id: unknown) => unknown>> = {
  count() {
    count += 1
    return `${count} in ${process.pid}`
  },
  read: ({ path = '' }) => readOr(path),
  say: ({ text = '' }) => process.stderr.write(`${text}\n`),
  crash: () => process.exit(7),
  'begin-and-crash': (_, id) => {
    process.stdout.write(`${JSON.stringify(progressOf(id))}\n`, () => process.exit(7))
    return NOTHING
  },
  silent: () => NOTHING,
  huge: () => {
    process.stdout.write('x'.repeat(17 * 1024 * 1024))
    return NOTHING
  },
  garbage: () => {
    process.stdout.write('this is no message\n'.repeat(200))
    return NOTHING
  },
  banner: () => {
    process.stdout.write('Welcome!\n\n')
    return 'said'
  },
  cancelled: () => cancelled.join(' '),
}

const requestState = crypto.randomUUID()
const NOTHING = Symbol('no answer')
let count = 0
const cancelled: string[] = []

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code ?? 'unknown'
  }
}

function progressOf(id: unknown): object {
  return { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: id, progress: 1 } }
}

function answerTo({ id, method, params = {} }: { id?: unknown; method: string; params?: Record<string, unknown> }): unknown {
  if (method === 'notifications/cancelled') cancelled.push(String(params.requestId))
  if (id === undefined) return NOTHING
  if (method === 'initialize') {
    const serverInfo = { name: 'program', version: '1' }
    return { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo }
  }
  if (params.name === 'wait-for-input') {
    return params.requestState === requestState
      ? say('its own state')
      : { resultType: 'input_required', inputRequests: {}, requestState }
  }
  if (method === 'tools/list') {
    const inputSchema = { type: 'object', properties: { most: { type: 'integer' } } }
    return { tools: Object.keys(TOOLS).map((name) => ({ name, inputSchema })) }
  }
  const done = TOOLS[String(params.name)]?.((params.arguments ?? {}) as Record<string, string>, id)
  return done === NOTHING ? NOTHING : say(done)
}

function say(done: unknown): object {
  return { content: [{ type: 'text', text: String(done) }] }
}

const [fault] = process.argv.slice(2)
if (fault === 'exit') process.exit(3)
createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line) as Parameters<typeof answerTo>[0]
  const result = fault === 'deaf' ? NOTHING : answerTo(message)
  if (result !== NOTHING) process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id: message.id, result })}\n`)
})
