import type { Field } from '../exports/item.ts'
import { inValue, spotsOf } from './in-value.ts'
import { readFields, type Signs } from './read-fields.ts'
import type { Structure } from './structure.ts'

/** What programs call their list of servers, in lower case. */
const LISTS: ReadonlySet<string> = new Set([
  'mcpservers',
  'mcp_servers',
  'context_servers',
  'modelcontextprotocolservers',
  'servers',
  'mcp',
])
/** What makes an entry of such a list a server. */
const SERVER: ReadonlySet<string> = new Set(['command', 'cmd', 'url', 'serverurl', 'httpurl', 'uri'])
const ENVIRONMENT: ReadonlySet<string> = new Set(['env', 'envs', 'environment'])
const ARGUMENTS: ReadonlySet<string> = new Set(['args', 'arguments', 'command', 'cmd'])
/** Names of variables, not their values. */
const OTHERS: ReadonlySet<string> = new Set(['env_http_headers', 'env_vars', 'env_keys', 'inputs'])

const SIGNS: Signs = {
  toml: /^[ \t]*\[{1,2}mcp_servers\b/m,
  yaml: /^ {0,8}(?:mcpServers|mcp_servers|context_servers|modelContextProtocolServers|servers|mcp):[ \t]*\r?$/m,
}

/** A field of a server, and the names that lead to it in its entry, in lower case. */
interface Part extends Field {
  readonly steps: readonly string[]
}

/** What agents are told to start and to reach, by their own settings or a project's. */
export const mcp: Structure = {
  id: 'mcp-config-secret',
  provider: 'MCP',
  title: 'credential in the settings of an MCP server',
  keywords: ['mcpservers', 'mcp_servers', 'context_servers', 'modelcontextprotocolservers', '"servers"', '"mcp"'],
  confidence: 'medium',
  source: 'https://modelcontextprotocol.io/docs/develop/connect-local-servers',
  *find(text) {
    for (const parts of readFields(text, SIGNS).flatMap(serversIn)) {
      const names = namesIn(parts)
      for (const [at, part] of parts.entries()) yield* spotsOf(text, part, secretsOf(part, parts[at - 1], names))
    }
  },
}

/** The fields of each server. */
function serversIn(fields: readonly Field[]): Part[][] {
  const servers = new Map<string, Part[]>()
  for (const field of fields) {
    const names = field.path.map((name) => name.toLowerCase())
    const first = names.findIndex((name) => LISTS.has(name))
    if (first < 0) continue
    const list = names[first] === 'mcp' && LISTS.has(names[first + 1] ?? '') ? first + 1 : first
    const own = names.slice(list + 2)
    const steps =
      own[0] === 'transport' || (own[0] === 'command' && own.length === 2 && !/^\d+$/.test(own[1] ?? '')) ? own.slice(1) : own
    if (steps.length === 0) continue
    const key = JSON.stringify(field.path.slice(0, list + 2))
    const parts = servers.get(key)
    if (parts === undefined) servers.set(key, [{ ...field, steps }])
    else parts.push({ ...field, steps })
  }
  return [...servers.values()].filter((parts) => parts.some(({ steps: [step = ''] }) => SERVER.has(step)))
}

/** In lists of `{ name, value }`: the names, by where their tables are. */
function namesIn(parts: readonly Part[]): ReadonlyMap<string, string> {
  return new Map(parts.flatMap(({ steps, text }) => (steps.at(-1) === 'name' ? [[folderOf(steps), text] as const] : [])))
}

function folderOf(steps: readonly string[]): string {
  return JSON.stringify(steps.slice(0, -1))
}

function* secretsOf(part: Part, previous: Part | undefined, names: ReadonlyMap<string, string>): Generator<string> {
  const { steps, text, path } = part
  const [section = '', second = ''] = steps
  if (OTHERS.has(section)) return
  if (ARGUMENTS.has(section)) yield* inArgument(text, previous?.steps[0] === section ? previous.text : '')
  else if (ENVIRONMENT.has(section) && /^\d+$/.test(second)) {
    if (steps.at(-1) === 'value') yield* inValue(names.get(folderOf(steps)) ?? '', text)
    else if (steps.length === 2) yield* inAssignment(text)
  } else yield* inValue(path.at(-1) ?? '', text)
}

/** `last` is the argument before it: `--token` says what comes next. */
function* inArgument(text: string, last: string): Generator<string> {
  const flag = /^--?([A-Za-z][\w.-]*)$/.exec(last)?.[1] ?? ''
  if (/^(?:e|env|H|header|c|set)$/.test(flag) || flag === '') yield* inAssignment(text)
  else if (!text.startsWith('-')) yield* inValue(flag, text)
  else yield* inAssignment(text)
}

/** `NAME=value`, `--name=value`, `Name: value`, or a value by itself. */
function* inAssignment(text: string): Generator<string> {
  const [, name, value = ''] = /^(?:-{1,2})?([A-Za-z][\w.-]{0,80})(?:=|: {0,3})([\s\S]*)$/.exec(text) ?? []
  if (name === undefined || text.startsWith(`${name}://`)) yield* inValue('', text)
  else yield* inValue(name, value)
}
