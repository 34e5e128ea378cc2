import { idOf, isMembers, type Members } from '../../members.ts'

/** What the bridge must know of a JSON-RPC message to carry it over HTTP. */
export interface Carried {
  /** Undefined for a notification. */
  readonly id: string | number | undefined
  /** Empty for an answer. */
  readonly method: string
  /** The fields that repeat it (MCP 2026-07-28, streamable HTTP, "Standard headers"); none in older revisions. */
  readonly fields: Readonly<Record<string, string>>
  /** Of `notifications/cancelled`: which request. */
  readonly cancels: string | number | undefined
}

const VERSION = 'io.modelcontextprotocol/protocolVersion'
/** Which member of its params a method's `Mcp-Name` repeats. */
const NAMED: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
  'tasks/get': 'taskId',
  'tasks/update': 'taskId',
  'tasks/cancel': 'taskId',
}

/** Undefined for what is no message. */
export function readCarried(line: string): Carried | undefined {
  const value = parse(line)
  if (value === undefined || value.jsonrpc !== '2.0') return undefined
  const method = typeof value.method === 'string' ? value.method : ''
  const params = isMembers(value.params) ? value.params : {}
  const cancels = method === 'notifications/cancelled' ? idOf(params.requestId) : undefined
  return { id: method === '' ? undefined : idOf(value.id), method, fields: fieldsOf(method, params), cancels }
}

/** The revision that a server agreed to, in its answer to `initialize`. */
export function agreedVersion(line: string): string | undefined {
  const { result } = parse(line) ?? {}
  return isMembers(result) && typeof result.protocolVersion === 'string' ? result.protocolVersion : undefined
}

/** A server's error as the answer to a request: under its id, also where the server could not read that. */
export function answerTo(id: string | number, body: string, otherwise: string): string {
  const { error } = parse(body) ?? {}
  return JSON.stringify({ jsonrpc: '2.0', id, error: isMembers(error) ? error : { code: INTERNAL, message: otherwise } })
}

/** JSON-RPC 2.0, section 5.1. */
const INTERNAL = -32603

function fieldsOf(method: string, { _meta, ...params }: Members): Record<string, string> {
  const version = isMembers(_meta) ? _meta[VERSION] : undefined
  if (typeof version !== 'string' || method === '') return {}
  const name = params[NAMED[method] ?? '']
  return {
    'mcp-protocol-version': version,
    'mcp-method': inField(method),
    ...(typeof name === 'string' && { 'mcp-name': inField(name) }),
  }
}

/** In base64 where it is not plain ASCII, or could be taken for that ("Value encoding"). */
function inField(text: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text) && !text.startsWith('=?base64?')
  return isPlain ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`
}

function parse(text: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isMembers(value) ? value : undefined
  } catch {
    return undefined
  }
}
