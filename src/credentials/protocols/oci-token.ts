import { StintError } from '../../errors.ts'
import type { Access } from '../../model.ts'

/** What a registry’s token would be good for. */
export interface TokenRequest {
  /** Sorted, each once. */
  readonly repositories: readonly string[]
  /** As asked for: `repository:acme/app:pull,push`. */
  readonly scopes: readonly string[]
  /** The most of what is asked for; `read` where nothing is. */
  readonly access: Access
}

/** What may be asked for beside a scope. Not `offline_token`: a refresh token outlives the task. */
const NAMES = ['service', 'scope', 'account', 'client_id']
const ACTIONS = new Map<string, Access>([
  ['pull', 'read'],
  ['push', 'write'],
  ['delete', 'destructive'],
])
const MOST: readonly Access[] = ['destructive', 'write', 'read']
const MAX_SCOPES = 20

/**
 * Reads the query of a request for a token (Distribution Registry Token Authentication). Attacker-controlled. Throws `unknown_action` for
 * parameters and scopes that are not known, and for a parameter that two servers could read differently; several scopes count together.
 */
export function readTokenRequest(query: string): TokenRequest {
  const scopes: string[] = []
  const seen = new Set<string>()
  for (const part of query === '' ? [] : query.split('&')) {
    const mark = part.indexOf('=')
    const name = decode(mark === -1 ? part : part.slice(0, mark))
    if (!NAMES.includes(name) || (name !== 'scope' && seen.has(name))) throw unknown('it has a parameter that is not known')
    seen.add(name)
    if (name === 'scope')
      scopes.push(
        ...decode(part.slice(mark + 1))
          .split(' ')
          .filter(Boolean),
      )
  }
  if (scopes.length > MAX_SCOPES) throw unknown('it asks for too much at once')
  const asked = scopes.map(readScope)
  const levels = asked.flatMap(({ actions }) => actions)
  return {
    repositories: [...new Set(asked.map(({ repository }) => repository))].sort(),
    scopes,
    access: MOST.find((access) => levels.includes(access)) ?? 'read',
  }
}

function readScope(scope: string): { repository: string; actions: Access[] } {
  const { repository = '', actions = '' } =
    /^repository:(?<repository>[a-z0-9._/-]{1,255}):(?<actions>[a-z,]+)$/.exec(scope)?.groups ?? {}
  const levels = actions.split(',').map((action) => ACTIONS.get(action))
  if (repository === '' || !levels.every((level) => level !== undefined)) throw unknown('its scope is not known')
  return { repository, actions: levels }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw unknown('it holds an escape that is none')
  }
}

function unknown(why: string): StintError {
  return new StintError('unknown_action', `the request for a token is not understood: ${why}`)
}
