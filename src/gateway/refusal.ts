import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Refusal } from '../broker.ts'
import type { RefusalText, SpokenRefusal } from '../credentials/connector.ts'
import { CATALOGUE, type ErrorCode, problem, StintError } from '../errors.ts'
import type { ApprovalAsked } from '../model.ts'
import { APPROVALS_PATH, ownUrl } from './own-host.ts'
import { challengeOf } from './proof.ts'

/** A refusal as an HTTP answer; `headers` is flat: name, value, name, value. */
export interface Page {
  readonly status: number
  readonly reason: string
  readonly headers: readonly string[]
  readonly body: string | Uint8Array
}

/** How the refusal's reader is asked to prove itself: a proxy's 407 or an origin's 401 (RFC 9110, section 11.7.1). */
export type Role = 'proxy' | 'origin'

/** RFC 9209 error types, where one says it better than `http_request_denied`. */
const PROXY_STATUS: Partial<Record<ErrorCode, string>> = {
  malformed_request: 'http_request_error',
  address_refused: 'destination_ip_prohibited',
  upstream_failed: 'destination_unavailable',
  upstream_timeout: 'connection_timeout',
  internal: 'proxy_internal_error',
  audit_unavailable: 'proxy_internal_error',
  store_unavailable: 'proxy_internal_error',
}

/** What one refusal may say to people: UTF-16 code units of a line, and reasons. */
const MAX_LINE = 600
const MAX_REASONS = 10

/** The refusal of a thrown error. */
export function refusalOf(error: StintError, correlationId: string): Refusal {
  return { code: error.code, detail: error.detail, reasons: [], correlationId }
}

/** A request that cannot be read: 400, and nothing is decided or recorded. */
export function malformed(detail: string): StintError {
  return new StintError('malformed_request', detail)
}

/** Writes a refusal for its reader: RFC 9457 problem JSON, or plain text for tools that show a body to people as it is. */
export function renderRefusal(
  refusal: Refusal,
  request: Readonly<Record<string, string>>,
  role: Role,
  resourceMetadata?: string,
): Page {
  const { code, detail, reasons, correlationId } = refusal
  const status = statusOf(code, role)
  const plain = wantsText(request)
  const document = problem(code, detail, { correlationId, ...(reasons.length > 0 && { reasons }) })
  const body = plain ? textOf(refusal) : `${JSON.stringify({ ...document, status, ...consentOf(refusal) })}\n`
  const headers = fieldsOf(refusal, plain ? 'text/plain; charset=utf-8' : 'application/problem+json', body)
  if (status === 407) headers.push('proxy-authenticate', challengeOf(code))
  if (status === 401) headers.push('www-authenticate', challengeOf(code, resourceMetadata))
  return { status, reason: STATUS_CODES[status] ?? 'Refused', headers, body }
}

/** A refusal as its target's connector says it; the fields tell that it is one. */
export function renderSpoken(refusal: Refusal, { status, contentType, body }: SpokenRefusal): Page {
  return { status, reason: STATUS_CODES[status] ?? 'Refused', headers: fieldsOf(refusal, contentType, body), body }
}

function fieldsOf({ code, correlationId }: Refusal, contentType: string, body: string | Uint8Array): string[] {
  return [
    'content-type',
    contentType,
    'content-length',
    String(Buffer.byteLength(body)),
    'cache-control',
    'no-store',
    'proxy-status',
    `stint; error=${PROXY_STATUS[code] ?? 'http_request_denied'}; details="${code}"`,
    'stint-correlation-id',
    correlationId,
  ]
}

/** Answers on a socket that no HTTP parser owns (CONNECT, Upgrade), and closes it. The reason phrase tells what tools show. */
export function writeRefusal(socket: Duplex, refusal: Refusal, request: Readonly<Record<string, string>>, role: Role): void {
  if (socket.destroyed || !socket.writable) return
  const page = renderRefusal(refusal, request, role)
  const lines = [`HTTP/1.1 ${page.status} ${tellingPhrase(refusal.detail)}`]
  for (let i = 0; i < page.headers.length; i += 2) lines.push(`${page.headers[i]}: ${page.headers[i + 1]}`)
  socket.write(`${lines.join('\r\n')}\r\nconnection: close\r\n\r\n`)
  socket.end(page.body, () => socket.destroy())
}

function statusOf(code: ErrorCode, role: Role): number {
  const status = CATALOGUE[code][0]
  return status === 401 && role === 'proxy' ? 407 : status
}

function tellingPhrase(detail: string): string {
  return detail.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200)
}

function wantsText(request: Readonly<Record<string, string>>): boolean {
  const isTerse = isGit(request) || /^curl\//.test(request['user-agent'] ?? '')
  return isTerse && !(request.accept ?? '').includes('json')
}

/** True for a request whose sender says that it is git. */
export function isGit(request: Readonly<Record<string, string>>): boolean {
  return /^git\//.test(request['user-agent'] ?? '')
}

/** A refusal for people at a terminal, whatever is in its words: why and what to do in one line, and everything in several. `state` is for who sends it again. */
export function refusalText(refusal: Refusal, state?: string): RefusalText {
  const { approval } = refusal
  const why = printable(refusal.detail, MAX_LINE / 2)
  return {
    status: CATALOGUE[refusal.code][0],
    code: refusal.code,
    line: [`Stint: ${why}${/[.!?]$/.test(why) ? '' : '.'} ${CATALOGUE[refusal.code][2]}`, ...tellWhere(refusal)].join(' '),
    text: textOf(refusal),
    ...(approval !== undefined && state !== undefined && { retry: { state, told: taskOf(approval) } }),
  }
}

function textOf(refusal: Refusal): string {
  const { code, detail, reasons, correlationId, approver } = refusal
  const [, title, next] = CATALOGUE[code]
  const more = reasons.filter((reason) => reason !== detail).slice(0, MAX_REASONS)
  const lines = [`stint: ${title} (${code})`, detail, ...more]
  if (approver !== undefined) lines.push(`Who could consent: ${approver}`)
  return `${[...lines, next, ...tellWhere(refusal), `Correlation id: ${correlationId}`].map((line) => printable(line, MAX_LINE)).join('\n')}\n`
}

/** No line end, no terminal's control sequence, no mark that turns the direction of writing. */
export function printable(text: string, most: number): string {
  const plain = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
  return plain.length > most ? `${plain.slice(0, most)}…` : plain
}

/**
 * Who could consent, and where the API and the gateway tell how far it is: at the gateway as a task document of the AuthZEN Access Request
 * and Approval Profile, of which this is the first (section 10.2).
 */
function consentOf({ approver, approval, isOwn }: Refusal): Record<string, unknown> {
  if (approval === undefined) return approver === undefined ? {} : { approver }
  const { id, taskId, expiresAt } = approval
  const told = { approver, approval: { id, status: `/v1/tasks/${taskId}/approvals/${id}`, expiresAt } }
  return isOwn ? { ...told, task: taskOf(approval) } : told
}

function taskOf({ id, expiresAt }: ApprovalAsked) {
  return { id, status: 'pending', status_endpoint: placeOf(id), expires_at: new Date(expiresAt).toISOString() }
}

function tellWhere({ approval, isOwn }: Refusal): string[] {
  return approval !== undefined && isOwn ? [`How far it is: ${placeOf(approval.id)}`] : []
}

function placeOf(approvalId: string): string {
  return ownUrl(`${APPROVALS_PATH}${approvalId}`)
}
