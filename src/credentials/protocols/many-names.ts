import type { Target } from '../../model.ts'
import { McpFault, RPC, type RpcId } from './mcp-fault.ts'

/** Between a target and the name that a thing has there. */
const BETWEEN = '__'
const SCHEME = 'stint:'

type Split = { readonly target: Target; readonly name: string }

/** `TARGET__NAME`: how a tool or prompt of one server is called where many are behind one address. */
export function spellName(target: Target, name: string): string {
  return `${target.id}${BETWEEN}${name}`
}

/** Throws McpFault for a name of no target, and for one that could be of two: `a` has `b__c`, and `a__b` has `c`. */
export function splitName(given: unknown, targets: readonly Target[], id: RpcId | null): Split {
  const [found, ...others] = typeof given === 'string' ? readings(given, targets) : []
  if (found === undefined) throw new McpFault(RPC.badParams, 'its name is not TARGET__NAME of a target of this task', id)
  if (others.length > 0) throw new McpFault(RPC.badParams, 'its name is ambiguous: two targets could be meant', id)
  return found
}

/** Whether the name that this would get is its own. */
export function isUnambiguous(target: Target, name: string, targets: readonly Target[]): boolean {
  return readings(spellName(target, name), targets).length === 1
}

function readings(given: string, targets: readonly Target[]): readonly Split[] {
  return targets.flatMap((target) => {
    const prefix = spellName(target, '')
    return given.startsWith(prefix) && given.length > prefix.length ? [{ target, name: given.slice(prefix.length) }] : []
  })
}

/** `stint:TARGET/URI`: a URI of one server, which has no underscore in its scheme. Templates stay templates (RFC 6570). */
export function spellUri(target: Target, uri: string): string {
  return `${SCHEME}${target.id}/${uri}`
}

/** Throws McpFault for what `spellUri` never made for one of these targets. */
export function splitUri(given: unknown, targets: readonly Target[], id: RpcId | null): Split {
  const found = typeof given === 'string' && given.startsWith(SCHEME) ? splitAt(given.slice(SCHEME.length), targets) : undefined
  if (found === undefined) throw new McpFault(RPC.badParams, 'its uri is not stint:TARGET/URI of a target of this task', id)
  return found
}

/** `TARGET/ID` with the id as JSON: what one server asks of the client, or where its stream goes on, among those of others. */
export function spellId(target: Target, id: unknown): string {
  return `${target.id}/${JSON.stringify(id)}`
}

/** The id as its server wrote it, in JSON. Undefined for what `spellId` never made for one of these targets. */
export function splitId(given: unknown, targets: readonly Target[]): Split | undefined {
  const found = typeof given === 'string' ? splitAt(given, targets) : undefined
  return found !== undefined && /^(?:-?\d{1,16}|"(?:[^"\\\p{Cc}]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*")$/iu.test(found.name)
    ? found
    : undefined
}

/** A target's id holds no slash. */
function splitAt(given: string, targets: readonly Target[]): Split | undefined {
  const slash = given.indexOf('/')
  const target = targets.find(({ id }) => id === given.slice(0, slash))
  return slash === -1 || target === undefined ? undefined : { target, name: given.slice(slash + 1) }
}
