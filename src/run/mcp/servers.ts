import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'

/** The variable by which a command of a task knows its MCP servers: `NAME=URL`, one a line. */
export const SERVERS_VARIABLE = 'STINT_MCP_SERVERS'

/** Undefined where the task has none. */
export function serversVariable(targets: readonly Target[]): Record<string, string | undefined> {
  const lines = targets.flatMap((target) => {
    const url = urlOf(target)
    return url === undefined ? [] : [`${target.id}=${url}`]
  })
  return { [SERVERS_VARIABLE]: lines.length === 0 ? undefined : lines.join('\n') }
}

/** Where a server is, as the command's environment says. Throws `target_unknown`. */
export function serverNamed(name: string, environment: NodeJS.ProcessEnv): URL {
  const lines = (environment[SERVERS_VARIABLE] ?? '').split('\n')
  const url = URL.parse(lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? '')
  if (url !== null) return url
  throw new StintError('target_unknown', `this task has no MCP server ${name}; name it with --target when the run is started`)
}

/** The one place that a client is told of. */
function urlOf({ connector, hosts, settings = {} }: Target): string | undefined {
  const rule = hosts.find(({ host }) => !host.startsWith('*'))
  if (connector !== 'mcp' || rule === undefined) return undefined
  const { path = '/mcp' } = settings
  return new URL(String(path), `${rule.scheme}://${rule.host}:${rule.port}`).href
}
