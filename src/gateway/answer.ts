import type { IncomingHttpHeaders } from 'node:http'
import type { Plan } from './inject.ts'

/**
 * Never passed back: hop-by-hop fields (RFC 9110, section 7.6.1), and advertisements of other ways to the target, which would
 * lead around the gateway.
 */
const NEVER = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authentication-info',
  'transfer-encoding',
  'upgrade',
  'alt-svc',
])

/** How the body will reach the client. */
export interface Manner {
  readonly decodes: boolean
  readonly takesTrailers: boolean
}

/**
 * The fields to pass back, scrubbed. When the lease injects, cookies stay behind: a session that the target opened for the
 * injected credential is as good as the credential.
 */
export function headersBack(headers: IncomingHttpHeaders, plan: Plan, manner: Manner): string[] {
  const out: string[] = []
  const nominated = typeof headers.connection === 'string' ? headers.connection.toLowerCase().split(/ *, */) : []
  const hasLength = headers['content-length'] !== undefined && !manner.decodes
  for (const name in headers) {
    if (NEVER.has(name) || nominated.includes(name)) continue
    if (plan.injects && name === 'set-cookie') continue
    if (name === 'trailer' && (hasLength || !manner.takesTrailers)) continue
    if (manner.decodes && (name === 'content-encoding' || name === 'content-length')) continue
    addField(out, name, headers[name])
  }
  return scrubFields(out, plan)
}

/** Trailer fields to pass back, scrubbed; framing and routing fields are not trailers (RFC 9110, section 6.5.1). */
export function trailersBack(trailers: IncomingHttpHeaders, plan: Plan): string[] {
  const out: string[] = []
  for (const name in trailers) {
    if (NEVER.has(name) || name === 'content-length' || name === 'host' || name === 'trailer' || name === 'set-cookie') continue
    addField(out, name, trailers[name])
  }
  return scrubFields(out, plan)
}

function addField(out: string[], name: string, value: string | string[] | undefined): void {
  if (typeof value === 'string') out.push(name, value)
  else for (const one of value ?? []) out.push(name, one)
}

/** Looks at all fields in one go, since almost always there is nothing to find. */
function scrubFields(fields: string[], plan: Plan): string[] {
  if (fields.length === 0 || plan.scrubber.isEmpty) return fields
  const all = fields.join('\n')
  return plan.scrubber.text(all) === all ? fields : fields.map((field) => plan.scrubber.text(field))
}
