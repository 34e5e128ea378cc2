import { isMembers, type Members } from '../../members.ts'
import type { Target } from '../../model.ts'

type Given = readonly { readonly target: Target; readonly result: Members }[]

/** What is joined of the capabilities of several servers, and what each may say of it. Tasks of MCP are asked of their server alone. */
const CAPABILITIES: Readonly<Record<string, readonly string[]>> = {
  tools: ['listChanged'],
  prompts: ['listChanged'],
  resources: ['listChanged', 'subscribe'],
  logging: [],
  completions: [],
}

/** Stint's own answer to `initialize`: what any of the servers can do, in the oldest revision that one of them took. */
export function joinInitialize(given: Given): Members {
  const protocolVersion = given
    .map(({ result }) => result.protocolVersion)
    .filter((one) => typeof one === 'string')
    .toSorted()[0]
  return { protocolVersion, ...joinOpening(given) }
}

/** The revision that each took. */
export function agreedIn(given: Given): ReadonlyMap<string, string> {
  return new Map(
    given.flatMap(({ target, result: { protocolVersion: version } }) =>
      typeof version === 'string' && /^[0-9-]{10}$/.test(version) ? [[target.id, version] as const] : [],
    ),
  )
}

/** Stint's own answer to `server/discover` of MCP 2026-07-28. */
export function joinDiscover(given: Given): Members {
  const [first = [], ...others] = given.map(({ result: { supportedVersions: list } }) => (Array.isArray(list) ? list : []))
  const supportedVersions = first.filter((one) => typeof one === 'string' && others.every((list) => list.includes(one)))
  return { resultType: 'complete', ttlMs: 0, cacheScope: 'private', supportedVersions, ...joinOpening(given) }
}

function joinOpening(given: Given): Members {
  const said = given.map(({ result: { capabilities } }) => (isMembers(capabilities) ? capabilities : {}))
  const capabilities: Record<string, Members> = {}
  for (const [name, flags] of Object.entries(CAPABILITIES)) {
    const own = said.map((one) => one[name]).filter(isMembers)
    const set = flags.filter((flag) => own.some((one) => one[flag] === true)).map((flag) => [flag, true])
    if (own.length > 0) capabilities[name] = Object.fromEntries(set)
  }
  const instructions = given
    .flatMap(({ target, result: { instructions: text } }) => (typeof text === 'string' ? [`${target.id}: ${text}`] : []))
    .join('\n\n')
  return { capabilities, serverInfo: { name: 'stint', version: '1' }, ...(instructions !== '' && { instructions }) }
}
