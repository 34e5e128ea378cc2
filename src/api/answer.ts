import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Refusal } from '../broker.ts'
import { type ErrorCode, type Problem, problem, StintError } from '../errors.ts'
import type { Asking, Endpoint } from './endpoint.ts'
import { sendStream } from './stream.ts'

/** On every answer: nothing here is for a cache, a sniffer or a page (OWASP REST security, "Security headers"). */
export const SAFE_HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const

/** The answer of an endpoint, already in the shape of its response schema. */
export function sendAnswer(reply: FastifyReply, endpoint: Endpoint, value: unknown): FastifyReply {
  const status = endpoint.statusOf?.(value) ?? endpoint.status
  if (endpoint.produces === 'application/json') return reply.code(status).type('application/json').send(JSON.stringify(value))
  return reply.code(status).type(endpoint.produces).send(String(value))
}

/** A refusal by policy: a problem document with its reasons. */
export function sendRefusal(reply: FastifyReply, { code, detail, reasons, correlationId }: Refusal): FastifyReply {
  return sendProblem(reply, problem(code, detail, { correlationId, reasons }))
}

/** A failure, with only what the caller may see. */
export function sendFailure(reply: FastifyReply, { code, detail }: StintError, correlationId: string): FastifyReply {
  return sendProblem(reply, problem(code, detail, { correlationId }))
}

/** What a code asks of the client beside the document. */
const EXTRA_HEADERS: Partial<Record<ErrorCode, readonly [name: string, value: string]>> = {
  rate_limited: ['retry-after', '30'],
  audit_unavailable: ['retry-after', '1'],
  store_unavailable: ['retry-after', '1'],
  issuer_unavailable: ['retry-after', '5'],
  stopping: ['retry-after', '2'],
  unauthenticated: ['www-authenticate', 'DPoP algs="ES256", Bearer'],
  invalid_token: ['www-authenticate', 'DPoP algs="ES256", error="invalid_token"'],
  token_replayed: ['www-authenticate', 'DPoP algs="ES256", error="invalid_token"'],
  proof_replayed: ['www-authenticate', 'DPoP algs="ES256", error="invalid_dpop_proof"'],
}

function sendProblem(reply: FastifyReply, document: Problem): FastifyReply {
  const extra = EXTRA_HEADERS[document.code]
  if (extra !== undefined) reply.header(...extra)
  return reply.code(document.status).type('application/problem+json').send(JSON.stringify(document))
}

/** Answers a stream and resolves when it has ended. A failure before its first item is an ordinary problem document. */
export async function holdOpen(
  reply: FastifyReply,
  request: FastifyRequest,
  endpoint: Endpoint,
  answer: unknown,
  heartbeatMs: number,
  { correlationId, signal }: Asking,
): Promise<FastifyReply> {
  const items = await answer
  if (!isIterable(items)) throw new StintError('internal', 'the stream is not one')
  const headers = { ...SAFE_HEADERS, 'stint-correlation-id': correlationId }
  reply.hijack()
  await sendStream(reply.raw, shaped(items, endpoint.response), {
    accept: request.headers.accept ?? '',
    headers,
    heartbeatMs,
    correlationId,
    signal,
  })
  return reply
}

function isIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

async function* shaped(items: AsyncIterable<unknown>, schema: z.ZodType): AsyncGenerator<unknown> {
  for await (const item of items) yield schema.parse(item)
}
