import { StintError } from '../../errors.ts'
import { isMembers, type Members } from '../../members.ts'
import type { Target } from '../../model.ts'
import type { Secret } from '../../secret.ts'
import type { HttpAnswer, Io } from '../minting.ts'
import { createEventReader } from './event-stream.ts'
import { type McpMessage, messageOf } from './mcp-message.ts'
import { injectionsOf } from './placement.ts'
import { settingOf } from './setting.ts'

const REVISION = '2025-11-25'
const STATELESS = '2026-07-28'
const MAX_PAGES = 20
const CLIENT = { name: 'stint', version: '1' }

/**
 * The definitions of a server's tools, as it gives them to Stint itself with the target's credential, in a session of MCP 2025-11-25 that
 * is ended again, or by requests of MCP 2026-07-28 where it refuses to begin one. Attacker-controlled. Throws `invalid_argument` where no one place is named, `credential_missing`, `upstream_failed`.
 */
export async function fetchTools(target: Target, standing: Secret | undefined, io: Io): Promise<readonly Members[]> {
  const url = urlOf(target)
  const common = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...shown(target, standing) }
  const opened = await exchange(common, {
    ...{ id: 0, method: 'initialize' },
    params: { protocolVersion: REVISION, capabilities: {}, clientInfo: CLIENT },
  })
  if (isRefused(opened)) return listAll((id, params) => send({ ...common, ...statelessFields }, statelessList(id, params)))
  resultIn(opened, 0)
  const session = opened.headers['mcp-session-id']
  const headers = { ...common, 'mcp-protocol-version': REVISION, ...(session !== undefined && { 'mcp-session-id': session }) }
  try {
    await send(headers, { method: 'notifications/initialized' })
    return await listAll((id, params) => send(headers, { id, method: 'tools/list', params }))
  } finally {
    if (session !== undefined) await io.exchange({ method: 'DELETE', url, headers })
  }

  async function send(headers: Record<string, string>, message: object): Promise<HttpAnswer> {
    const answer = await exchange(headers, message)
    if (answer.status >= 300) throw unusable(`HTTP ${answer.status}`)
    return answer
  }

  function exchange(headers: Record<string, string>, message: object): Promise<HttpAnswer> {
    return io.exchange({ method: 'POST', url, headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) })
  }
}

const statelessFields = { 'mcp-protocol-version': STATELESS, 'mcp-method': 'tools/list' }

/** A request of 2026-07-28 says in itself who asks ("Per-request metadata"). */
function statelessList(id: number, params: object): object {
  const prefix = 'io.modelcontextprotocol/'
  const _meta = { [`${prefix}protocolVersion`]: STATELESS, [`${prefix}clientInfo`]: CLIENT, [`${prefix}clientCapabilities`]: {} }
  return { id, method: 'tools/list', params: { ...params, _meta } }
}

/** A server without sessions knows no `initialize`, or not for this revision; who is not let in or is not there is another matter. */
function isRefused(opened: HttpAnswer): boolean {
  if (opened.status === 400 || opened.status === 404) return true
  return opened.status < 300 && messagesIn(opened).some((one) => one.kind === 'answer' && one.result === undefined)
}

async function listAll(ask: (id: number, params: object) => Promise<HttpAnswer>): Promise<readonly Members[]> {
  const found: Members[] = []
  let cursor: unknown
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const { tools, nextCursor } = resultIn(await ask(page, typeof cursor === 'string' ? { cursor } : {}), page)
    if (!Array.isArray(tools) || !tools.every(isMembers)) throw unusable('no list of tools')
    found.push(...tools)
    if (nextCursor === undefined) return found
    cursor = nextCursor
  }
  throw unusable('a list of tools that does not end')
}

/** The result under this id, in one JSON text or among events. */
function resultIn(answer: HttpAnswer, id: number): Members {
  if (answer.status >= 300) throw unusable(`HTTP ${answer.status}`)
  for (const message of messagesIn(answer))
    if (message.kind === 'answer' && message.id === id && message.result !== undefined) return message.result
  throw unusable('an error, or nothing')
}

function messagesIn({ headers, body }: HttpAnswer): readonly McpMessage[] {
  const texts: string[] = []
  if (/^text\/event-stream/i.test(headers['content-type'] ?? '')) createEventReader((data) => void texts.push(data)).push(body)
  else texts.push(body.toString('utf8'))
  return texts.map(messageIn)
}

function messageIn(text: string): ReturnType<typeof messageOf> {
  try {
    return messageOf(JSON.parse(text))
  } catch (cause) {
    throw new StintError('upstream_failed', 'the MCP server answered with what is no message', { cause })
  }
}

/** Where the server of a target is. Throws `invalid_argument` where no one place is named. */
export function urlOf(target: Target): string {
  const [rule, ...others] = target.hosts
  if (rule === undefined || others.length > 0 || rule.host.startsWith('*'))
    throw new StintError('invalid_argument', 'the target names no one host to ask; declare each server as a target')
  return `${rule.scheme}://${rule.host}:${rule.port}${settingOf(target, 'path') || '/mcp'}`
}

/** The credential in a header, as the gateway would show it; nothing for a program, which was given it when it was started. */
function shown({ placement }: Target, standing: Secret | undefined): Record<string, string> {
  const fields: Record<string, string> = {}
  for (const one of injectionsOf(placement, standing)) {
    if (one.kind === 'header') fields[one.name] = one.prefix + one.value.reveal()
    else if (one.kind === 'env') continue
    else if (one.kind === 'basic')
      fields.authorization = `Basic ${Buffer.from(`${one.username}:${one.value.reveal()}`).toString('base64')}`
    else throw new StintError('invalid_argument', 'tools are pinned where the credential goes into a header')
  }
  return fields
}

function unusable(what: string): StintError {
  return new StintError('upstream_failed', `the MCP server answered with ${what}`)
}
