import type { Given, Want } from './ask.ts'
import { type PlugTarget, Refused, targetAt } from './plan.ts'

/** What tells Docker to go on without a credential (docker-credential-helpers, "credentials/error.go"). */
const NOT_FOUND = 'credentials not found in native keychain'

/**
 * A credential helper of Docker (docker-credential-helpers, "Development"): the verb is the argument, the server comes on standard
 * input. `list` tells for which registries it answers, `store` is refused since nothing is kept.
 */
export async function answerDocker(
  verb: string,
  input: string,
  plan: readonly PlugTarget[],
  ask: (want: Want) => Promise<Given>,
): Promise<string> {
  if (verb === 'list') return `${JSON.stringify(Object.fromEntries(plan.flatMap(registriesOf)))}\n`
  if (verb === 'erase') return ''
  if (verb === 'store') throw new Refused('nothing is stored: what the task may use is Stint’s to give')
  if (verb !== 'get') throw new Refused(`docker-credential-stint takes get, list, store or erase`)
  const server = input.trim()
  const url = URL.parse(server.includes('://') ? server : `https://${server}`)
  if (url === null || server === '') throw new Refused('no credentials server URL')
  const target = targetAt(plan, { schemes: ['https', 'http'], host: url.hostname, port: Number(url.port) })
  if (!target.plugPoints.includes('docker')) {
    if (target.placeholder === undefined) throw new Refused(NOT_FOUND)
    return write(server, 'stint', target.placeholder)
  }
  const { fields } = await ask({ as: 'docker', target: target.id })
  return write(server, fields.username ?? '', fields.password ?? '')
}

/** The hosts of a target as Docker writes them, each with the name it logs in by, where that is known before. */
export function registriesOf(target: PlugTarget): readonly (readonly [server: string, username: string])[] {
  const isRegistry = target.connector === 'oci' || target.plugPoints.includes('docker')
  const names = target.hosts.filter(({ scheme, host }) => /^https?$/.test(scheme) && !host.startsWith('*'))
  return isRegistry ? names.map(({ host, port }) => [port === 443 ? host : `${host}:${port}`, 'stint'] as const) : []
}

function write(server: string, username: string, secret: string): string {
  return `${JSON.stringify({ ServerURL: server, Username: username, Secret: secret })}\n`
}
