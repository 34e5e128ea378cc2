import type { Access } from '../../model.ts'

/** What a method is as an action, and which member of its params says what it is done to. */
export interface McpMethod {
  readonly id: string
  readonly access: Access
  /** `tool/NAME`, `prompt/NAME`, `task/ID`; a resource is its URI. */
  readonly names?: { readonly member: 'name' | 'uri' | 'taskId'; readonly prefix: string }
  /** Its request repeats that member in `Mcp-Name` (MCP 2026-07-28, streamable HTTP, "Standard headers"). */
  readonly inHeader?: boolean
}

const TOOL = { member: 'name', prefix: 'tool/' } as const
const PROMPT = { member: 'name', prefix: 'prompt/' } as const
const RESOURCE = { member: 'uri', prefix: '' } as const
const TASK = { member: 'taskId', prefix: 'task/' } as const

const session = (verb: string): McpMethod => ({ id: `mcp:Session::${verb}`, access: 'read' })

/** What a client may ask: every method of MCP 2025-11-25 and 2026-07-28. What is not here is refused. */
const REQUESTS: Readonly<Record<string, McpMethod>> = {
  initialize: session('initialize'),
  'server/discover': session('discover'),
  ping: session('ping'),
  'logging/setLevel': session('set-log-level'),
  'subscriptions/listen': session('listen'),
  'tools/list': { id: 'mcp:Tool::list', access: 'read' },
  'tools/call': { id: 'mcp:Tool::call', access: 'write', names: TOOL, inHeader: true },
  'resources/list': { id: 'mcp:Resource::list', access: 'read' },
  'resources/templates/list': { id: 'mcp:Resource::list-templates', access: 'read' },
  'resources/read': { id: 'mcp:Resource::read', access: 'read', names: RESOURCE, inHeader: true },
  'resources/subscribe': { id: 'mcp:Resource::subscribe', access: 'read', names: RESOURCE },
  'resources/unsubscribe': { id: 'mcp:Resource::unsubscribe', access: 'read', names: RESOURCE },
  'prompts/list': { id: 'mcp:Prompt::list', access: 'read' },
  'prompts/get': { id: 'mcp:Prompt::get', access: 'read', names: PROMPT, inHeader: true },
  'completion/complete': { id: 'mcp:Completion::complete', access: 'read' },
  'tasks/list': { id: 'mcp:Task::list', access: 'read' },
  'tasks/get': { id: 'mcp:Task::get', access: 'read', names: TASK, inHeader: true },
  'tasks/result': { id: 'mcp:Task::result', access: 'read', names: TASK },
  'tasks/update': { id: 'mcp:Task::update', access: 'write', names: TASK, inHeader: true },
  'tasks/cancel': { id: 'mcp:Task::cancel', access: 'write', names: TASK, inHeader: true },
}

/** What a client may tell without being answered. */
const NOTIFICATIONS: Readonly<Record<string, McpMethod>> = {
  'notifications/initialized': session('notify'),
  'notifications/cancelled': session('notify'),
  'notifications/progress': session('notify'),
  'notifications/roots/list_changed': session('notify'),
  'notifications/tasks/status': session('notify'),
}

/** The client's answer to what the server asked of it. It can hold what the client knows. */
export const CLIENT_ANSWER: McpMethod = { id: 'mcp:Client::answer', access: 'write' }
/** GET: the server's own messages, as they come (MCP 2025-11-25, "Listening for messages from the server"). */
export const LISTEN = session('listen')
/** DELETE: the session is over (2025-11-25, "Session management"). */
export const END = session('end')

/** The action of a method; undefined for one that neither revision has. */
export function methodNamed(kind: 'request' | 'notification', name: string): McpMethod | undefined {
  const table = kind === 'request' ? REQUESTS : NOTIFICATIONS
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** What a server may ask of the client: a completion by its model, an answer by its user, its directories. `ping` asks nothing. */
const SERVER_REQUESTS: Readonly<Record<string, McpMethod>> = {
  'sampling/createMessage': { id: 'mcp:Client::sample', access: 'write' },
  'elicitation/create': { id: 'mcp:Client::elicit', access: 'write' },
  'roots/list': { id: 'mcp:Client::list-roots', access: 'write' },
  ping: session('ping'),
}

const SERVER_NOTIFICATIONS: ReadonlySet<string> = new Set([
  ...['notifications/cancelled', 'notifications/progress', 'notifications/message', 'notifications/tasks/status'],
  ...['notifications/tools/list_changed', 'notifications/prompts/list_changed', 'notifications/resources/list_changed'],
  ...['notifications/resources/updated', 'notifications/elicitation/complete', 'notifications/subscriptions/acknowledged'],
])

/** The action of what a server asks of the client; undefined for a method that neither revision has. */
export function serverRequestNamed(name: string): McpMethod | undefined {
  return Object.hasOwn(SERVER_REQUESTS, name) ? SERVER_REQUESTS[name] : undefined
}

export function isServerNotification(name: string): boolean {
  return SERVER_NOTIFICATIONS.has(name)
}
