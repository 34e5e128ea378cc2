import { isMembers, type Members } from '../../members.ts'
import type { Operation, Target } from '../../model.ts'
import type { AnswerReader } from '../connector.ts'
import type { ManyAsked, ManyKnown, ManyPart, ManyServers } from '../many-servers.ts'
import { createEventReader } from './event-stream.ts'
import { parseExact } from './exact-json.ts'
import { spellMessage } from './many-back.ts'
import { isUnknownThere, joinLists, mergeAnswers, mergeTaken, splitCursor } from './many-merge.ts'
import { spellId, splitId, splitName, splitUri } from './many-names.ts'
import { agreedIn, joinDiscover, joinInitialize } from './many-opening.ts'
import { type Write, writerFor } from './many-send.ts'
import { readRequest } from './mcp-action.ts'
import { McpFault, RPC } from './mcp-fault.ts'
import { isStateless } from './mcp-headers.ts'
import { HIGHEST_MESSAGE } from './mcp-limits.ts'
import type { McpMessage } from './mcp-message.ts'
import { speakMcpRefusal } from './mcp-refusal.ts'
import { urlOf } from './mcp-tools.ts'

type Asking = Extract<McpMessage, { kind: 'request' }>
type Telling = Extract<McpMessage, { kind: 'notification' }>
type Join = Parameters<typeof mergeAnswers>[2]

/** The lists that are joined, by their method. */
const LISTS: Readonly<Record<string, string>> = {
  'tools/list': 'tools',
  'prompts/list': 'prompts',
  'resources/list': 'resources',
  'resources/templates/list': 'resourceTemplates',
}
const NAMED = new Set(['tools/call', 'prompts/get'])
const BY_URI = new Set(['resources/read', 'resources/subscribe', 'resources/unsubscribe'])

/** Many MCP servers behind one address (docs/decisions/0024). Every message to it becomes messages to targets, and nothing else. */
export const manyMcp: ManyServers = {
  maxBytes: HIGHEST_MESSAGE,
  placeOf: urlOf,
  read(operation, known) {
    const { message } = readRequest(operation)
    const send = writerFor(operation)
    if (message === undefined)
      return operation.method === 'GET' ? listen(operation, known) : tell(known.targets, send, 200, 'end')
    if (message.kind === 'answer') return answer(message, known, send)
    return message.kind === 'request' ? ask(operation, message, known, send) : notify(message, known, send)
  },
  readBack(target, type) {
    if (/^text\/event-stream/i.test(type))
      return createEventReader(
        (data) => spellMessage(data, target),
        { spellId: (id) => spellId(target, id), maxLength: Number.POSITIVE_INFINITY }, // its target's connector has bounded it
      )
    return /^application\/json/i.test(type) ? wholeText((text) => spellMessage(text, target)) : undefined
  },
  speakRefusal: speakMcpRefusal,
}

function pass(part: ManyPart, key?: string): ManyAsked {
  return { parts: [part], manner: 'pass', ...(key !== undefined && { key }), merge: (answers) => mergeTaken(answers, 200) }
}

/** To each, without an answer. */
function tell(targets: readonly Target[], send: Write, status: number, step?: 'end'): ManyAsked {
  const parts = targets.map((target) => send(target))
  return { parts, manner: 'merge', ...(step && { step }), merge: (answers) => mergeTaken(answers, status) }
}

/** A stream that goes on is its server's; a new one has what each of them sends. */
function listen({ headers }: Operation, { targets }: ManyKnown): ManyAsked {
  const { 'last-event-id': last, ...fields } = headers
  if (last === undefined) {
    const parts = targets.map((target) => ({ target, headers: fields }))
    return { parts, manner: 'listen', merge: (answers) => mergeTaken(answers, 405) }
  }
  const from = splitId(last, targets)
  if (from === undefined) throw new McpFault(RPC.notRequest, 'Last-Event-ID is of no stream of this address')
  return pass({ target: from.target, headers: { ...fields, 'last-event-id': String(JSON.parse(from.name)) } })
}

function answer({ id }: McpMessage & { kind: 'answer' }, { targets }: ManyKnown, send: Write): ManyAsked {
  const to = splitId(id, targets)
  if (to === undefined) throw new McpFault(RPC.notRequest, 'it answers what no server of this task asked', id)
  return pass(send(to.target, { id: parseExact(to.name) }))
}

function notify({ method, params }: Telling, { targets, sentTo }: ManyKnown, send: Write): ManyAsked {
  if (method === 'notifications/cancelled') {
    const at = sentTo(JSON.stringify(params.requestId))
    return tell(
      targets.filter(({ id }) => id === at),
      send,
      202,
    )
  }
  if (method !== 'notifications/progress') return tell(targets, send, 202)
  const to = splitId(params.progressToken, targets)
  if (to === undefined) throw new McpFault(RPC.badParams, 'its progressToken is of no server of this task')
  return pass(send(to.target, { params: { progressToken: parseExact(to.name) } }))
}

function ask(operation: Operation, message: Asking, known: ManyKnown, send: Write): ManyAsked {
  const { id, method, params } = message
  const { targets } = known
  const list = LISTS[method]
  if (list !== undefined) return askLists(message, list, targets, send)
  if (method === 'initialize') return { ...merged(message, targets, send, joinInitialize), step: 'begin' }
  if (method === 'server/discover') return discover(message, targets, send)
  if (method === 'ping' || method === 'logging/setLevel') return merged(message, targets, send, () => ({}))
  const key = JSON.stringify(id)
  if (NAMED.has(method) && params.task === undefined) {
    const { target, name } = splitName(params.name, targets, id)
    return pass(send(target, { params: { name } }, name), key)
  }
  if (BY_URI.has(method)) {
    const { target, name: uri } = splitUri(params.uri, targets, id)
    return pass(send(target, { params: { uri } }, uri), key)
  }
  if (method === 'completion/complete') return pass(complete(params, message, targets, send), key)
  const what = isStateless(operation.headers) ? 'subscriptions and tasks' : 'tasks'
  throw new McpFault(RPC.noMethod, `${what} are had at a target’s own address, not at that of many`, id)
}

function complete({ ref: given }: Members, { id }: Asking, targets: readonly Target[], send: Write): ManyPart {
  const ref = isMembers(given) ? given : {}
  const isNamed = ref.name !== undefined
  const { target, name } = isNamed ? splitName(ref.name, targets, id) : splitUri(ref.uri, targets, id)
  return send(target, { params: { ref: { ...ref, [isNamed ? 'name' : 'uri']: name } } })
}

function merged({ id }: Asking, targets: readonly Target[], send: Write, join: Join): ManyAsked {
  let agreed: ReadonlyMap<string, string> | undefined
  const parts = targets.map((target) => send(target))
  return {
    ...{ parts, manner: 'merge' },
    merge(answers) {
      const said = mergeAnswers(id, answers, (given) => {
        agreed = agreedIn(given)
        return join(given)
      })
      return { ...said, ...(agreed !== undefined && { agreed }) }
    },
  }
}

/** Answered where all have that revision: a client that hears an error begins in the older one, which the others speak. */
function discover(message: Asking, targets: readonly Target[], send: Write): ManyAsked {
  const all = merged(message, targets, send, joinDiscover)
  return {
    ...all,
    merge(answers) {
      const error = { code: RPC.noMethod, message: 'Stint: not every MCP server of this task speaks 2026-07-28; initialize' }
      if (!answers.some(isUnknownThere)) return all.merge(answers)
      return { status: 404, body: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: message.id, error })) }
    },
  }
}

function askLists({ id, params }: Asking, member: string, targets: readonly Target[], send: Write): ManyAsked {
  const join = joinLists(member, targets)
  const merge: ManyAsked['merge'] = (answers) => mergeAnswers(id, answers, join)
  if (params.cursor === undefined) return { parts: targets.map((target) => send(target)), manner: 'merge', merge }
  const cursors = splitCursor(params.cursor)
  if (cursors === undefined) throw new McpFault(RPC.badParams, 'its cursor is none of this address', id)
  const parts = targets.flatMap((target) => {
    const cursor = cursors.get(target.id)
    return cursor === undefined ? [] : [send(target, { params: { cursor } })]
  })
  return { parts, manner: 'merge', merge }
}

/** Reads an answer that is one JSON text, which its target's connector has bounded. */
function wholeText(read: (text: string) => string): AnswerReader {
  const chunks: Buffer[] = []
  return {
    push(chunk) {
      chunks.push(chunk)
      return Buffer.alloc(0)
    },
    end() {
      const text = Buffer.concat(chunks).toString('utf8')
      return Buffer.from(text === '' ? text : spell(text))
    },
  }

  /** What is no JSON is an error's page, and passes. */
  function spell(text: string): string {
    try {
      return read(text)
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return text
      throw thrown
    }
  }
}
