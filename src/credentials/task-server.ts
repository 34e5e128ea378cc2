import { isMembers, type Members } from '../members.ts'
import type { Operation } from '../model.ts'
import { readRequest } from './protocols/mcp-action.ts'
import { McpFault, RPC } from './protocols/mcp-fault.ts'
import { isStateless } from './protocols/mcp-headers.ts'

/** A tool as its list shows it (MCP 2025-11-25, "Tools"). */
export interface TaskTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: object
}

/** What came of a call. What was refused is an error of the tool, in words that its model reads. */
export interface ToolOutcome {
  readonly isError: boolean
  readonly value: Members
}

/** The tools, and what calls them. `call` answers undefined for a name that it does not know. */
export interface TaskTools {
  readonly list: readonly TaskTool[]
  call(name: string, given: Members): Promise<ToolOutcome | undefined>
}

const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26']
const STATELESS = ['2026-07-28', ...VERSIONS]
const SELF = { capabilities: { tools: {} }, serverInfo: { name: 'stint-task', version: '1' } }

/**
 * Stint's own MCP server, without sessions: the answer to one POST of the streamable HTTP transport, a body or nothing for what wants no
 * answer. Attacker-controlled. Throws McpFault, `unknown_action` and `body_too_large`, and what `call` throws.
 */
export async function serveTaskTools(operation: Operation, tools: TaskTools): Promise<{ status: number; body?: string }> {
  const { message } = readRequest(operation)
  if (message === undefined) return { status: 405 } // it has nothing to say by itself
  if (message.kind !== 'request') return { status: 202 }
  const { id, method, params } = message
  const complete = isStateless(operation.headers) ? { resultType: 'complete' } : {}
  const uncached = isStateless(operation.headers) ? { ttlMs: 0, cacheScope: 'private' } : {}
  const answer = (result: Members) => ({ status: 200, body: JSON.stringify({ jsonrpc: '2.0', id, result }) })
  switch (method) {
    case 'initialize':
      return answer({ protocolVersion: VERSIONS.find((one) => one === params.protocolVersion) ?? VERSIONS[0], ...SELF })
    case 'server/discover':
      return answer({ ...complete, ...uncached, supportedVersions: STATELESS, ...SELF })
    case 'ping':
      return answer({})
    case 'tools/list':
      return answer({ ...complete, ...uncached, tools: tools.list })
    case 'tools/call': {
      const given = params.arguments ?? {}
      const outcome = isMembers(given) ? await tools.call(String(params.name), given) : undefined
      if (outcome === undefined) throw new McpFault(RPC.badParams, 'there is no such tool, or its arguments are no object', id)
      const { isError, value } = outcome
      const content = [{ type: 'text', text: JSON.stringify(value) }]
      return answer({ ...complete, content, ...(!isError && { structuredContent: value }), isError })
    }
    default:
      throw new McpFault(RPC.noMethod, 'this server has tools and nothing else', id)
  }
}
