import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import type { Secret } from '../../secret.ts'
import type { HttpAnswer, Io } from '../minting.ts'
import { createEventReader } from './event-stream.ts'
import { isMembers, type Members, messageOf } from './mcp-message.ts'
import { injectionsOf } from './placement.ts'
import { settingOf } from './setting.ts'

const REVISION = '2025-11-25'
const MAX_PAGES = 20

/**
 * The definitions of a server's tools, as it gives them to Stint itself with the target's credential, in a session of MCP 2025-11-25 that
 * is ended again. Attacker-controlled. Throws `invalid_argument` where no one place is named, `credential_missing`, `upstream_failed`.
 */
export async function fetchTools(target: Target, standing: Secret | undefined, io: Io): Promise<readonly Members[]> {
  const url = urlOf(target)
  const common = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...shown(target, standing) }
  const client = { protocolVersion: REVISION, capabilities: {}, clientInfo: { name: 'stint', version: '1' } }
  const opened = await send(common, { id: 0, method: 'initialize', params: client })
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
    const answer = await io.exchange({ method: 'POST', url, headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) })
    if (answer.status >= 300) throw unusable(`HTTP ${answer.status}`)
    return answer
  }
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
function resultIn({ headers, body }: HttpAnswer, id: number): Members {
  const texts: string[] = []
  if (/^text\/event-stream/i.test(headers['content-type'] ?? '')) createEventReader((data) => void texts.push(data)).push(body)
  else texts.push(body.toString('utf8'))
  for (const text of texts) {
    const message = messageIn(text)
    if (message?.kind === 'answer' && message.id === id && message.result !== undefined) return message.result
  }
  throw unusable('an error, or nothing')
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
