import { isMembers } from '../../members.ts'
import { McpFault, RPC } from './mcp-fault.ts'
import type { McpMessage } from './mcp-message.ts'
import type { McpMethod } from './mcp-methods.ts'

/** The revision without sessions, whose requests repeat in header fields what they are. */
const STATELESS = '2026-07-28'
const VERSIONS: readonly string[] = ['2025-03-26', '2025-06-18', '2025-11-25', STATELESS]
/** Where a request of 2026-07-28 says its revision (`_meta`, "Per-request metadata"). */
const VERSION_IN_BODY = 'io.modelcontextprotocol/protocolVersion'
const BASE64 = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/

/** True for a request that says it is of MCP 2026-07-28. */
export function isStateless(headers: Readonly<Record<string, string>>): boolean {
  return headers['mcp-protocol-version'] === STATELESS
}

/** Throws McpFault -32022 for a revision that Stint does not know; none said is one before 2025-06-18, or not agreed on yet. */
export function checkVersion({ 'mcp-protocol-version': version }: Readonly<Record<string, string>>): void {
  if (version !== undefined && !VERSIONS.includes(version))
    throw new McpFault(RPC.unknownVersion, `MCP-Protocol-Version is none of ${VERSIONS.join(', ')}`)
}

/**
 * What a message's header fields repeat of its body must be the same: another hop may go by either (MCP 2026-07-28, streamable HTTP,
 * "Server validation"). Throws McpFault -32020, and -32022 as `checkVersion`.
 */
export function checkFields(headers: Readonly<Record<string, string>>, message: McpMessage, known: McpMethod | undefined): void {
  const id = message.kind === 'notification' ? null : message.id
  const differ = (field: string) => new McpFault(RPC.headerMismatch, `${field} is not what the body says`, id)
  checkVersion(headers)
  if (message.kind === 'answer') {
    for (const field of ['mcp-method', 'mcp-name']) if (headers[field] !== undefined) throw differ(field)
    return
  }
  const isNeeded = isStateless(headers) && message.kind === 'request'
  checkField('mcp-method', message.method, isNeeded)
  checkField('mcp-name', known?.inHeader ? message.params[known.names?.member ?? ''] : undefined, isNeeded && known?.inHeader)
  const meta = isMembers(message.params._meta) ? message.params._meta : {}
  if (meta[VERSION_IN_BODY] !== undefined || isNeeded) checkField('mcp-protocol-version', meta[VERSION_IN_BODY], true)

  function checkField(field: string, said: unknown, needed: boolean | undefined): void {
    const given = headers[field]
    if ((given !== undefined || needed) && decode(given) !== said) throw differ(field)
  }
}

/** A field's value, which may be in base64 where it is not plain ASCII ("Value encoding"). */
function decode(value: string | undefined): string | undefined {
  const coded = BASE64.exec(value ?? '')?.[1]
  return coded === undefined ? value : Buffer.from(coded, 'base64').toString('utf8')
}
