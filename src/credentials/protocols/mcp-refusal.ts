import { asStintError } from '../../errors.ts'
import type { Operation } from '../../model.ts'
import type { RefusalText, SpokenRefusal } from '../connector.ts'
import { readRequest } from './mcp-action.ts'
import { McpFault, RPC, type RpcId } from './mcp-fault.ts'
import { isStateless } from './mcp-headers.ts'
import { speakRetry } from './mcp-retry.ts'

/**
 * A refusal as the JSON-RPC error that answers the request, which clients show, with Stint's stable code in its data. Undefined for what
 * expects no answer. A request that was understood has HTTP 200, as every answer to one; a message that is not taken has 400, and an
 * unknown method of 2026-07-28 has 404 (streamable HTTP). In 2025-11-25 that says that the session is over, which is so where it is not
 * this task's. `thrown` is what was refused about a message that was understood. A request that waits
 * for people has the result `input_required` where its revision knows that.
 */
export function speakMcpRefusal(
  operation: Operation,
  { line, status: asHttp, code, retry }: RefusalText,
  thrown?: unknown,
): SpokenRefusal | undefined {
  if (operation.method !== 'POST') return undefined
  const answer = (id: RpcId | null, rpcCode: number, status: number): SpokenRefusal => {
    const error = { code: rpcCode, message: line, data: { code, status: asHttp } }
    return { status, contentType: 'application/json', body: Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, error })) }
  }
  if (code === 'body_too_large') return answer(null, RPC.refused, asHttp)
  try {
    const { message } = readRequest(operation)
    if (message?.kind !== 'request') return undefined
    const body = retry && speakRetry(operation, message, retry)
    if (body !== undefined) return { status: 200, contentType: 'application/json', body }
    if (thrown instanceof McpFault) return answer(message.id, thrown.rpcCode, 200)
    return answer(message.id, RPC.refused, code === 'not_found' ? 404 : 200)
  } catch (caught) {
    if (!(caught instanceof McpFault)) return answer(null, RPC.refused, asStintError(caught).status)
    const { id, rpcCode } = caught
    const isUnknown = rpcCode === RPC.noMethod
    return answer(id, rpcCode, isUnknown ? (isStateless(operation.headers) ? 404 : 200) : 400)
  }
}
