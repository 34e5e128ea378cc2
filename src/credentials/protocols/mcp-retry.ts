import { StintError } from '../../errors.ts'
import { isMembers, type Members } from '../../members.ts'
import type { Operation } from '../../model.ts'
import type { Retry } from '../connector.ts'
import { parseExact } from './exact-json.ts'
import { messageIn } from './mcp-action.ts'
import { McpFault, RPC } from './mcp-fault.ts'
import { isStateless } from './mcp-headers.ts'
import type { McpMessage } from './mcp-message.ts'

/** Requests whose result may be that more is needed (MCP 2026-07-28, "Multi round-trip requests"). */
const METHODS: ReadonlySet<string> = new Set(['tools/call', 'prompts/get', 'resources/read'])
/** What Stint's own states begin with; a server's are its own. */
const OWN = 'stint-approval:'

type Asking = Extract<McpMessage, { kind: 'request' }>

/**
 * How a request of MCP 2026-07-28 waits for people: its result is `input_required` with a state, which the client gives back with the same
 * params under a new id. A request that gives a server its own state back is none: its answers from then on are between the two.
 */
export const mcpRetry: Retry = {
  exactBody(operation) {
    const asked = askedIn(operation)
    return asked === undefined || isUnderWay(asked) ? undefined : write(operation, withoutId)
  },
  split(operation) {
    const { body = new Uint8Array() } = operation
    if (!isStateless(operation.headers) || !Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(OWN))
      return undefined
    const state = askedIn(operation)?.params.requestState
    if (typeof state !== 'string' || !state.startsWith(OWN)) return undefined
    const bare = write(operation, (message) => message)
    const { 'content-length': length, ...fields } = operation.headers
    const headers = length === undefined ? fields : { ...fields, 'content-length': String(bare.length) }
    return { state: state.slice(OWN.length), operation: { ...operation, headers, body: bare } }
  },
}

/** The result that says so; undefined where the client would not understand it. `told` is where it sees how far it is. */
export function speakRetry(operation: Operation, message: Asking, { state, told }: { state: string; told: Members }) {
  if (!isStateless(operation.headers) || !METHODS.has(message.method) || isUnderWay(message)) return undefined
  const _meta = { 'stint.invalid/access-request': told }
  const result = { resultType: 'input_required', requestState: `${OWN}${state}`, _meta }
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }))
}

/** Undefined for what is no such request; what is malformed is refused where it is described. */
function askedIn(operation: Operation): Asking | undefined {
  if (!isStateless(operation.headers) || operation.method !== 'POST') return undefined
  try {
    const message = messageIn(operation)
    return message.kind === 'request' && METHODS.has(message.method) ? message : undefined
  } catch (thrown) {
    if (thrown instanceof StintError) return undefined
    throw thrown
  }
}

function isUnderWay({ params }: Asking): boolean {
  return params.inputResponses !== undefined || params.requestState !== undefined
}

/** The message without a state, and as `change` makes it: each number as it was written. */
function write({ body = new Uint8Array() }: Operation, change: (message: Members) => Members): Buffer {
  const message = parseExact(Buffer.from(body).toString('utf8'))
  if (!isMembers(message) || !isMembers(message.params)) throw new McpFault(RPC.notRequest, 'it has no params')
  const { requestState: _, ...params } = message.params
  return Buffer.from(JSON.stringify(change({ ...message, params })))
}

/** The id is new in every try, and so is a progress token where it is the same, as the SDKs have it. */
function withoutId({ params, ...message }: Members): Members {
  const { _meta: meta, ...given } = isMembers(params) ? params : {}
  const isSame = isMembers(meta) && JSON.stringify(meta.progressToken) === JSON.stringify(message.id)
  return { ...message, id: null, params: { ...given, _meta: isSame ? { ...meta, progressToken: null } : (meta ?? null) } }
}
