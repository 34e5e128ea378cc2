import { isMembers, type Members } from '../../members.ts'
import type { Target } from '../../model.ts'
import type { ManyAnswer, ManyMerged } from '../many-servers.ts'
import { createEventReader } from './event-stream.ts'
import { parseExact } from './exact-json.ts'
import { spellResult } from './many-back.ts'
import { isUnambiguous } from './many-names.ts'
import { RPC, type RpcId } from './mcp-fault.ts'

/** Where a result says which servers it is without, and why (MCP 2025-11-25, "_meta", reserves other prefixes). */
const LEFT_OUT = 'stint.invalid/left-out'

/** What one server answered to the request itself. */
interface Given {
  readonly target: Target
  readonly result?: Members
  readonly error?: Members
  readonly failure: string
}

type Join = (given: readonly Required<Pick<Given, 'target' | 'result'>>[]) => Members

/** One answer of those that came; the others are named in it. Where none came, the error of the only one, or one that names all. */
export function mergeAnswers(id: RpcId, answers: readonly ManyAnswer[], join: Join): { status: number; body: Buffer } {
  const given = answers.map(readGiven)
  const there = given.flatMap(({ target, result }) => (result === undefined ? [] : [{ target, result }]))
  const missing = given.filter(({ result }) => result === undefined)
  const leftOut = Object.fromEntries(missing.map(({ target, failure }) => [target.id, failure]))
  if (there.length > 0) {
    const result = join(there)
    if (missing.length === 0) return say({ id, result })
    return say({ id, result: { ...result, _meta: { ...(isMembers(result._meta) && result._meta), [LEFT_OUT]: leftOut } } })
  }
  const [only, ...others] = given
  if (only?.error !== undefined && others.length === 0) return say({ id, error: only.error })
  const message = `Stint: no MCP server of this task answered: ${missing.map((one) => `${one.target.id} (${one.failure})`).join(', ')}`
  return say({ id, error: { code: RPC.refused, message, data: { leftOut } } })
}

function say(message: object): { status: number; body: Buffer } {
  return { status: 200, body: Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message })) }
}

/** To what no result is due: taken where anyone took it. */
export function mergeTaken(answers: readonly ManyAnswer[], status: number): ManyMerged {
  const isTaken = answers.length === 0 || answers.some((one) => one.failure === undefined && one.status < 300)
  return { status: isTaken ? status : 502 }
}

/** Whether a server answered as one that does not know the method; neither Stint's refusal nor silence says so. */
export function isUnknownThere(answer: ManyAnswer): boolean {
  const { result, error } = readGiven(answer)
  return answer.failure === undefined && result === undefined && JSON.stringify(error?.code) !== String(RPC.refused)
}

function readGiven({ target, status, type, body, failure }: ManyAnswer): Given {
  if (failure !== undefined) return { target, failure }
  const texts: string[] = []
  if (/^text\/event-stream/i.test(type)) createEventReader((data) => void texts.push(data)).push(body)
  else texts.push(body.toString('utf8'))
  const message = texts.map(messageIn).find((one) => isMembers(one?.result) || isMembers(one?.error))
  if (isMembers(message?.result)) return { target, result: message.result, failure: '' }
  return isMembers(message?.error)
    ? { target, error: message.error, failure: codeOf(message.error) }
    : { target, failure: `HTTP ${status}` }
}

function codeOf({ code, data }: Members): string {
  return isMembers(data) && typeof data.code === 'string' ? data.code.slice(0, 64) : `error ${JSON.stringify(code) ?? ''}`
}

function messageIn(text: string): Members | undefined {
  try {
    const value = parseExact(text)
    return isMembers(value) ? value : undefined
  } catch {
    return undefined // an error's page: its status tells
  }
}

/** One list of those of several, under names of the address, and where each goes on. Of caches' terms the strictest. */
export function joinLists(member: string, targets: readonly Target[]): Join {
  return (given) => {
    const cursors: Record<string, string> = {}
    const items = given.flatMap(({ target, result }) => {
      if (typeof result.nextCursor === 'string') cursors[target.id] = result.nextCursor
      const own = Array.isArray(result[member]) ? result[member].filter((one) => isSpelled(one, target)) : []
      spellResult({ [member]: own }, target)
      return own
    })
    const first = given[0]?.result ?? {}
    return {
      [member]: items,
      ...(Object.keys(cursors).length > 0 && { nextCursor: spellCursor(cursors) }),
      ...(first.resultType !== undefined && { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }),
    }
  }

  function isSpelled(item: unknown, target: Target): boolean {
    if (!isMembers(item)) return false
    return typeof item.name !== 'string' || member.startsWith('resource') || isUnambiguous(target, item.name, targets)
  }
}

function spellCursor(cursors: Readonly<Record<string, string>>): string {
  return Buffer.from(JSON.stringify(cursors)).toString('base64url')
}

/** The cursor of each server that goes on, by its target. Undefined for what `joinLists` never made. Attacker-controlled. */
export function splitCursor(given: unknown): ReadonlyMap<string, string> | undefined {
  const value = typeof given === 'string' ? messageIn(Buffer.from(given, 'base64url').toString('utf8')) : undefined
  const entries = Object.entries(value ?? {}).flatMap(([id, cursor]) =>
    typeof cursor === 'string' ? [[id, cursor] as const] : [],
  )
  return entries.length === 0 ? undefined : new Map(entries)
}
