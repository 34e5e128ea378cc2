import { hash } from 'node:crypto'
import { StintError } from '../../errors.ts'
import { isMembers, type Members } from '../../members.ts'
import type { Access, Action, Operation, Target } from '../../model.ts'
import { bodyType, isCoded } from './body-type.ts'
import { flattenArguments } from './mcp-arguments.ts'
import { McpFault, RPC, type RpcId } from './mcp-fault.ts'
import { checkFields, checkVersion } from './mcp-headers.ts'
import { readIntegers } from './mcp-integers.ts'
import { HIGHEST_MESSAGE, messageBytes } from './mcp-limits.ts'
import { type McpMessage, readMessage } from './mcp-message.ts'
import { CLIENT_ANSWER, END, LISTEN, type McpMethod, methodNamed } from './mcp-methods.ts'
import { hasPin } from './mcp-pins.ts'
import { listOf } from './setting.ts'

const MAX_NAME = 2048
/** The parameter that tells which state of its server a request gives back (MCP 2026-07-28, "Multi round-trip requests"). */
export const STATE = 'requestState'

/** How a state is told: its SHA-256, in hex. */
export function digestState(state: string): string {
  return hash('sha256', state, 'hex')
}

/** The message that a POST carries, of fewer than `most` bytes. Throws McpFault, and `body_too_large` for one that goes on beyond what is read. */
export function messageIn(operation: Operation, most = HIGHEST_MESSAGE): McpMessage {
  const { body = new Uint8Array() } = operation
  if (bodyType(operation) !== 'application/json' || isCoded(operation))
    throw new McpFault(RPC.notRequest, 'its type is not plain application/json')
  if (body.length >= most)
    throw new StintError('body_too_large', `an MCP message has fewer than ${most} bytes here; send less at once`)
  return readMessage(body)
}

/** A request of the streamable HTTP transport, as far as every target reads it alike. */
export interface McpRequest {
  readonly known: McpMethod
  readonly resource: string
  /** Absent where there is none: GET and DELETE. */
  readonly message?: McpMessage
}

/** Throws McpFault, and `unknown_action` or `body_too_large`. */
export function readRequest(operation: Operation, most?: number): McpRequest {
  const { method, headers } = operation
  if (method === 'POST') return readCall(headers, messageIn(operation, most))
  checkVersion(headers)
  if (method === 'GET') return { known: LISTEN, resource: '' }
  if (method === 'DELETE') return { known: END, resource: '' }
  throw new StintError('unknown_action', 'MCP over HTTP knows GET, POST and DELETE')
}

function readCall(headers: Operation['headers'], message: McpMessage): McpRequest {
  const known = message.kind === 'answer' ? CLIENT_ANSWER : methodNamed(message.kind, message.method)
  checkFields(headers, message, known)
  if (known === undefined) throw new McpFault(RPC.noMethod, 'its method is none of MCP', idOf(message))
  return { known, message, resource: message.kind === 'answer' ? '' : resourceOf(known, message.params, message) }
}

/**
 * Names a request: `mcp:Tool::call` on `tool/NAME`. What a tool does its server says, and a server can lie: a tool reads or destroys where
 * the target's settings say so, and else writes. Throws as `readRequest` does,
 * and `tool_changed` for one that no operator has taken.
 */
export function describeMessage(operation: Operation, target: Target): Action {
  const { known, message, resource } = readRequest(operation, messageBytes(target))
  const { id, access } = known
  if (operation.headers['last-event-id'] !== undefined && operation.headers['mcp-session-id'] === undefined)
    throw new McpFault(RPC.notRequest, 'Last-Event-ID is of no session: whose stream it was is not known')
  if (message === undefined || message.kind === 'answer') return { id, access, resource, parameters: {} }
  const { method, params } = message
  const { inputResponses, requestState } = params
  if (requestState !== undefined && typeof requestState !== 'string')
    throw new McpFault(RPC.badParams, 'requestState in its params is not a text', idOf(message))
  if (method === 'tools/call' && !hasPin(String(params.name), target))
    throw new StintError('tool_changed', `${resource.slice(0, 200)} is not pinned; an operator can: stint mcp pin ${target.id}`)
  const badParams = (why: string): McpFault => new McpFault(RPC.badParams, why, idOf(message))
  const integers = method === 'tools/call' ? readIntegers(String(params.name), params.arguments, target, badParams) : []
  const parameters = {
    method,
    ...flattenArguments(params.arguments ?? params.argument),
    ...(integers.length > 0 && { integers }),
    ...(requestState !== undefined && { [STATE]: digestState(requestState) }),
    ...(inputResponses !== undefined && { inputResponses: Object.keys(members(inputResponses)) }),
  }
  return { id, access: method === 'tools/call' ? accessOfTool(String(params.name), target) : access, resource, parameters }
}

function resourceOf({ names, id }: McpMethod, params: Members, message: McpMessage): string {
  if (id === 'mcp:Completion::complete') return referenceOf(members(params.ref))
  if (names === undefined) return ''
  const name = params[names.member]
  if (typeof name === 'string' && name !== '' && name.length <= MAX_NAME) return `${names.prefix}${name}`
  throw new McpFault(RPC.badParams, `${names.member} in its params is not a text of 1 to ${MAX_NAME} characters`, idOf(message))
}

/** What a completion is for ("Completion", `ref/prompt` and `ref/resource`). */
function referenceOf({ name, uri }: Members): string {
  return (typeof name === 'string' ? `prompt/${name}` : String(uri ?? '')).slice(0, MAX_NAME)
}

function idOf(message: McpMessage): RpcId | null {
  return message.kind === 'notification' ? null : message.id
}

/** What calling a tool may do, as the target's settings say. */
export function accessOfTool(name: string, target: Target): Access {
  if (listOf(target, 'destructive_tools').includes(name)) return 'destructive'
  return listOf(target, 'read_tools').includes(name) ? 'read' : 'write'
}

function members(value: unknown): Members {
  return isMembers(value) ? value : {}
}
