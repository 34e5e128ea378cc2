import { StintError } from '../../errors.ts'
import type { Action, Operation, Target } from '../../model.ts'
import type { Connector, ConnectorSample } from '../connector.ts'
import { refuseOverride } from '../protocols/disguise.ts'
import { describeMessage, STATE } from '../protocols/mcp-action.ts'
import { readMcpAnswer } from '../protocols/mcp-answer.ts'
import { INTEGER_ARGUMENT, integersIn } from '../protocols/mcp-integers.ts'
import { bodyPrefix, LIMIT_SETTINGS } from '../protocols/mcp-limits.ts'
import { changeOf, pinOf, spellPin } from '../protocols/mcp-pins.ts'
import { PROGRAM_SETTINGS, programOf } from '../protocols/mcp-program.ts'
import { speakMcpRefusal } from '../protocols/mcp-refusal.ts'
import { mcpRetry } from '../protocols/mcp-retry.ts'
import { fetchTools } from '../protocols/mcp-tools.ts'
import { obtainPlaced } from '../protocols/placement.ts'
import { settingOf } from '../protocols/setting.ts'

/** Throws `unknown_action` for whatever is not at the server's one path, and as `describeMessage` does. */
function describe(operation: Operation, target: Target): Action {
  const { path, query, headers } = operation
  refuseOverride(operation)
  if (path !== (settingOf(target, 'path') || '/mcp') || query !== '')
    throw new StintError('unknown_action', 'the target’s setting `path` names the one place where MCP is spoken')
  if (headers.upgrade !== undefined) throw new StintError('unknown_action', 'MCP over HTTP asks for no other protocol')
  return describeMessage(operation, target)
}

const TOOL = /^[\x21-\x7e]{1,200}$/

/** Bytes of a sample. */
function asked(message: object, headers: Record<string, string> = {}): ConnectorSample['operation'] {
  const body = new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', id: 1, ...message }))
  return { method: 'POST', path: '/mcp', headers: { 'content-type': 'application/json', ...headers }, body }
}

/** An MCP server over streamable HTTP, or a program that speaks MCP over stdio: each tool call, resource and prompt is an action of its own. */
export const mcp: Connector = {
  kind: 'mcp',
  summary:
    'An MCP server over streamable HTTP, or a program that Stint starts and speaks to over stdio, revisions 2025-03-26 to 2026-07-28: each tool call, resource and prompt is an action of its own, with its arguments as parameters.',
  defaultHosts: [],
  defaultPlacement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
  placeholderVariables: [],
  settings: {
    path: {
      summary: 'Where the server speaks MCP, and nothing else is reached; /mcp when it is not said.',
      required: false,
      isList: false,
      pattern: /^(?:\/[A-Za-z0-9._~-]+)+\/?$|^\/$/,
    },
    read_tools: {
      summary: 'A tool that only reads. What a server says of its own tools is not believed: every other tool writes.',
      required: false,
      isList: true,
      pattern: TOOL,
    },
    pins: {
      summary: '`off`: every tool may be called, also one whose definition nobody has looked at, or changed since.',
      required: false,
      isList: false,
      pattern: /^off$/,
    },
    pinned_tools: {
      summary: 'A tool whose definition an operator has taken, as NAME=SHA-256; `stint mcp pin` sets these.',
      required: false,
      isList: true,
      pattern: /^[\x21-\x7e]{1,200}=[0-9a-f]{64}$/,
    },
    integer_arguments: {
      summary:
        'An argument that is a whole number, as TOOL=NAME or TOOL=OUTER/NAME: a call that gives it as anything else is refused, and policies see it in `context.integers`. `stint mcp pin` sets these.',
      required: false,
      isList: true,
      pattern: INTEGER_ARGUMENT,
    },
    destructive_tools: { summary: 'A tool that destroys.', required: false, isList: true, pattern: TOOL },
    ...PROGRAM_SETTINGS,
    ...LIMIT_SETTINGS,
  },
  bodyPrefix,
  describe,
  speakRefusal: speakMcpRefusal,
  retry: mcpRetry,
  readAnswer: readMcpAnswer,
  sessionField: 'mcp-session-id',
  stateParameter: STATE,
  async readPins({ target, standing }, io) {
    return (await fetchTools(target, standing, io)).flatMap((definition) => {
      const pin = pinOf(definition)
      const taken = { integers: integersIn(definition) }
      return pin === undefined ? [] : [{ ...pin, ...taken, setting: spellPin(pin), change: changeOf(pin, target) }]
    })
  },
  obtain: obtainPlaced,
  programOf,
  example: {
    target: {
      id: 'tools',
      connector: 'mcp',
      hosts: [{ scheme: 'https', host: 'mcp.example.com', port: 443 }],
      environment: 'production',
      sensitivity: 'confidential',
      labels: [],
      privateNetworks: [],
      credentialId: 'tools-key',
      placement: { kind: 'header', name: 'authorization', prefix: 'Bearer ' },
      settings: {
        ...{ path: '/mcp', read_tools: ['search'], destructive_tools: ['drop'] },
        pinned_tools: ['send', 'search', 'drop'].map((name) => spellPin({ name, digest: '0'.repeat(64) })),
      },
    },
    known: [
      {
        operation: asked({ method: 'initialize', params: { protocolVersion: '2025-11-25' } }),
        action: { id: 'mcp:Session::initialize', access: 'read', resource: '' },
      },
      {
        operation: asked({ method: 'tools/list' }),
        action: { id: 'mcp:Tool::list', access: 'read', resource: '' },
      },
      {
        operation: asked({ method: 'tools/call', params: { name: 'send', arguments: { to: ['a', 'b'] } } }),
        action: { id: 'mcp:Tool::call', access: 'write', resource: 'tool/send' },
      },
      {
        operation: asked({ method: 'tools/call', params: { name: 'search' } }),
        action: { id: 'mcp:Tool::call', access: 'read', resource: 'tool/search' },
      },
      {
        operation: asked({ method: 'tools/call', params: { name: 'drop' } }),
        action: { id: 'mcp:Tool::call', access: 'destructive', resource: 'tool/drop' },
      },
      {
        operation: asked({ method: 'resources/read', params: { uri: 'file:///a' } }),
        action: { id: 'mcp:Resource::read', access: 'read', resource: 'file:///a' },
      },
      {
        operation: asked({ method: 'prompts/get', params: { name: 'greet' } }),
        action: { id: 'mcp:Prompt::get', access: 'read', resource: 'prompt/greet' },
      },
      {
        operation: asked({ id: 7, result: {} }),
        action: { id: 'mcp:Client::answer', access: 'write', resource: '' },
      },
      { operation: { method: 'GET', path: '/mcp' }, action: { id: 'mcp:Session::listen', access: 'read', resource: '' } },
      { operation: { method: 'DELETE', path: '/mcp' }, action: { id: 'mcp:Session::end', access: 'read', resource: '' } },
    ],
    unknown: [
      asked({ method: 'tools/destroy' }),
      asked({ method: 'sampling/createMessage' }),
      { ...asked({ method: 'tools/list' }), path: '/sse' },
      { ...asked({ method: 'tools/list' }), query: 'a=b' },
      { ...asked({ method: 'tools/list' }), method: 'PUT' },
    ],
  },
}
