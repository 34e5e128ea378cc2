import { isMembers, type Members } from '../../members.ts'
import { McpFault, RPC, type RpcId } from './mcp-fault.ts'
import { foldName, readStrictJson } from './strict-json.ts'

/** One JSON-RPC message of MCP. An answer is to what the other side asked. */
export type McpMessage =
  | { readonly kind: 'request'; readonly id: RpcId; readonly method: string; readonly params: Members }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Members }
  | { readonly kind: 'answer'; readonly id: RpcId | null; readonly result: Members | undefined }

const MEMBERS = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
/** Members of `params` that the decision reads, by their folded names: some servers would take them in another case. */
const READ = new Map(
  ['name', 'uri', 'taskId', 'arguments', 'argument', 'ref', '_meta', 'inputResponses', 'requestState'].map((name) => [
    foldName(name),
    name,
  ]),
)
const MAX_ID = 256
const MAX_METHOD = 128

/**
 * Reads one message (JSON-RPC 2.0, sections 4 and 5; MCP 2025-11-25 and 2026-07-28, "Messages"). Attacker-controlled. Throws McpFault for
 * whatever two readers could take for different messages, and for a batch, which both revisions have done away with.
 */
export function readMessage(bytes: Uint8Array): McpMessage {
  const value = readStrictJson(bytes, (why) => new McpFault(why === 'it is not JSON' ? RPC.notJson : RPC.notRequest, why))
  if (Array.isArray(value)) throw new McpFault(RPC.notRequest, 'it is a batch; send one message at a time')
  return messageOf(value)
}

/** The same for a message that is parsed. */
export function messageOf(value: unknown): McpMessage {
  if (!isMembers(value) || value.jsonrpc !== '2.0') throw new McpFault(RPC.notRequest, 'it is not one object of JSON-RPC 2.0')
  const id = readId(value)
  const stranger = Object.keys(value).find((name) => !MEMBERS.has(name))
  if (stranger !== undefined) throw new McpFault(RPC.notRequest, 'it has a member that JSON-RPC does not know', id ?? null)
  return value.method === undefined ? answerOf(value, id) : callOf(value, id)
}

/** Undefined where there is none. `null` stands only in the answer to a message whose id could not be read. */
function readId({ id, method }: Members): RpcId | null | undefined {
  if (id === undefined || (id === null && method === undefined)) return id
  if (typeof id === 'string' && id.length <= MAX_ID) return id
  if (typeof id === 'number' && Number.isSafeInteger(id)) return id
  throw new McpFault(RPC.notRequest, `its id is neither a whole number nor a text of at most ${MAX_ID} characters`)
}

function callOf(value: Members, id: RpcId | null | undefined): McpMessage {
  const fail = (why: string, code: typeof RPC.notRequest | typeof RPC.badParams = RPC.notRequest) =>
    new McpFault(code, why, id ?? null)
  const { method, params = {} } = value
  if ('result' in value || 'error' in value) throw fail('it is a request and an answer at once')
  if (typeof method !== 'string' || method.length > MAX_METHOD) throw fail('its method is not a name')
  if (!isMembers(params)) throw fail('its params are not an object', RPC.badParams)
  const disguised = Object.keys(params).some((name) => (READ.get(foldName(name)) ?? name) !== name)
  if (disguised) throw fail('a name in its params is spelled in another case', RPC.badParams)
  return id === undefined || id === null ? { kind: 'notification', method, params } : { kind: 'request', id, method, params }
}

function answerOf(value: Members, id: RpcId | null | undefined): McpMessage {
  const { result, error } = value
  const isOne = (result === undefined) !== (error === undefined) && isMembers(result ?? error)
  if (id === undefined || 'params' in value || !isOne)
    throw new McpFault(RPC.notRequest, 'it is neither a request nor an answer', id ?? null)
  return { kind: 'answer', id, result: isMembers(result) ? result : undefined }
}
