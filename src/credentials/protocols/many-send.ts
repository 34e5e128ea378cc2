import { isMembers, type Members } from '../../members.ts'
import type { Operation, Target } from '../../model.ts'
import type { ManyPart } from '../many-servers.ts'
import { parseExact } from './exact-json.ts'
import { McpFault, RPC } from './mcp-fault.ts'

/** Members that one server gets instead of the client's. */
interface Instead {
  readonly id?: unknown
  readonly params?: Members
}
/** What one server gets; `name` is what `Mcp-Name` then says. */
export type Write = (target: Target, instead?: Instead, name?: string) => ManyPart

/** Writes what one server gets of a message: the same bytes where nothing is to be changed. */
export function writerFor({ headers, body = new Uint8Array() }: Operation): Write {
  return (target, instead, name) => {
    const fields = { ...headers }
    if (name !== undefined && headers['mcp-name'] !== undefined) fields['mcp-name'] = coded(name)
    if (body.length === 0) return { target, headers: fields }
    return { target, headers: fields, body: instead === undefined ? body : rewrite(body, instead) }
  }
}

function rewrite(body: Uint8Array, { id, params }: Instead): Buffer {
  const message = parseExact(Buffer.from(body).toString('utf8'))
  if (!isMembers(message)) throw new McpFault(RPC.notRequest, 'it is not one object of JSON-RPC 2.0')
  const given = isMembers(message.params) ? message.params : {}
  const changed = { ...message, ...(id !== undefined && { id }), ...(params && { params: { ...given, ...params } }) }
  return Buffer.from(JSON.stringify(changed))
}

/** Plain, or in base64 where a header field cannot carry it (MCP 2026-07-28, "Value encoding"). */
function coded(value: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !value.startsWith('=?base64?')
  return isPlain ? value : `=?base64?${Buffer.from(value).toString('base64')}?=`
}
