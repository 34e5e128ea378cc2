import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { StintError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Caller } from '../model.ts'
import { holdOpen, sendAnswer, sendRefusal } from './answer.ts'
import type { Asking, Endpoint, Input, Site } from './endpoint.ts'
import type { Failures } from './failures.ts'
import type { Repeatable } from './idempotency.ts'
import { type Entrance, proofOf, signedHeadOf, single } from './proof.ts'
import { type Gate, isSigned, type Row } from './routes.ts'
import type { ApiVerbs, Proof } from './verbs.ts'

/** What every request passes through. */
export interface Pipeline {
  readonly verbs: ApiVerbs
  readonly site: Site
  readonly log: Log
  readonly failures: Failures
  readonly once: (request: Repeatable) => Promise<unknown>
  readonly heartbeatMs: number
  /** The bytes of the body, as text, on a row whose proof is a signature over them. */
  textOf(request: FastifyRequest): string
  /** Where the request came in, and the URL it is for. Throws `malformed_request`. */
  arrival(request: FastifyRequest): { readonly entrance: Entrance; readonly url: string }
  /** Aborts when the client is gone or the server closes. */
  signal(reply: FastifyReply): AbortSignal
}

/** Characters of one parameter that reach the log: a CA bundle need not stand there whole. */
const LONGEST_FACT = 1000

type Parts = Input<z.ZodObject, z.ZodObject, z.ZodObject>

/** Who asks, from the proof. Runs before the body is read. A failure is recorded; too many from one address are `rate_limited`. */
export async function authenticate(pipeline: Pipeline, row: Row, request: FastifyRequest): Promise<Caller | undefined> {
  const { entrance, url } = pipeline.arrival(request)
  if (row.gate === undefined) return undefined
  if (isSigned(row)) {
    signedHeadOf(request.raw)
    return undefined
  }
  return prove(pipeline, request, proofOf(request.raw, entrance, url, row.gate))
}

/** Who signed the body, once it is read. */
function authenticateSigned(pipeline: Pipeline, request: FastifyRequest): Promise<Caller> {
  const { entrance } = pipeline.arrival(request)
  const { webhook = '' } = request.params as Readonly<Record<string, string>>
  const pid = entrance.kind === 'socket' ? entrance.pid : undefined
  const signed = { head: signedHeadOf(request.raw), body: pipeline.textOf(request) }
  return prove(pipeline, request, { kind: 'webhook', name: webhook, ...signed, pid })
}

async function prove(pipeline: Pipeline, request: FastifyRequest, proof: Proof): Promise<Caller> {
  try {
    return await pipeline.verbs.authenticate(proof)
  } catch (thrown) {
    if (thrown instanceof StintError && thrown.status === 401) await noteFailure(pipeline, request, thrown)
    throw thrown
  }
}

/** A valid proof is always heard, so that no one can shut others out; only failures are limited, and then cost nothing more. */
async function noteFailure(
  { verbs, failures, log }: Pipeline,
  request: FastifyRequest,
  { code, detail }: StintError,
): Promise<void> {
  const address = request.raw.socket.remoteAddress ?? 'operator socket'
  const wait = failures.waitSeconds(address)
  failures.note(address)
  if (wait > 0) throw new StintError('rate_limited', `too many failed proofs; wait ${wait} s`)
  await verbs.recordAttempt({ correlationId: request.id, code, detail }).catch((thrown: unknown) => log.error({ err: thrown }))
}

/** One request, after its caller is known: parse, authorise and record, then handle once. */
export async function serve(
  pipeline: Pipeline,
  row: Row,
  known: Caller | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { gate, endpoint } = row
  const caller = isSigned(row) ? await authenticateSigned(pipeline, request) : known
  const input = parse(endpoint, request)
  const asking: Asking = { caller, correlationId: request.id, site: pipeline.site, signal: pipeline.signal(reply) }
  if (gate !== undefined) {
    if (caller === undefined) throw new StintError('unauthenticated', 'this needs a proved caller')
    refuseOthersTask(caller, input)
    const refusal = await pipeline.verbs.authorize({ ...asked(gate, endpoint, request, input), caller })
    if (refusal !== undefined) return sendRefusal(reply, refusal)
  }
  if (endpoint.produces !== 'stream') return sendAnswer(reply, endpoint, await handle(pipeline, row, request, input, asking))
  return holdOpen(reply, request, endpoint, endpoint.handle(pipeline.verbs, input, asking), pipeline.heartbeatMs, asking)
}

/** A task's token speaks for that task alone. */
function refuseOthersTask(caller: Caller, { params }: Parts): void {
  if (caller.taskId !== undefined && caller.taskId !== params.id)
    throw new StintError('not_operator', 'a task token is for its own task only')
}

function asked({ action, access, record }: Gate, endpoint: Endpoint, request: FastifyRequest, { query, body }: Parts) {
  const resource = (request.raw.url ?? '').replace(/[?#].*$/, '').replace(/^\/v1\//, '')
  return { correlationId: request.id, action, access, record, resource, parameters: facts(endpoint, { ...query, ...body }) }
}

/** Flat facts for Cedar and the log. What is write-only says `[secret]` (G2). */
function facts({ body }: Endpoint, parts: Readonly<Record<string, unknown>>): Record<string, string | readonly string[]> {
  const isSecret = (key: string): boolean => body.shape[key]?.meta()?.writeOnly === true
  const fact = (key: string, value: unknown) => (isSecret(key) ? '[secret]' : isTexts(value) ? value : asText(value))
  return Object.fromEntries(Object.entries(parts).map(([key, value]) => [key, fact(key, value)]))
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function asText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > LONGEST_FACT ? `${text.slice(0, LONGEST_FACT)}…` : text
}

async function handle(
  { verbs, once }: Pipeline,
  row: Row,
  request: FastifyRequest,
  input: Parts,
  asking: Asking,
): Promise<unknown> {
  const { endpoint } = row
  const execute = async (): Promise<unknown> => endpoint.response.parse(await endpoint.handle(verbs, input, asking))
  const header = row.method === 'GET' ? undefined : single(request.raw, 'idempotency-key')
  if (header === undefined || asking.caller === undefined) return execute()
  const { reissue } = endpoint
  return once({
    header,
    callerId: asking.caller.id,
    line: `${request.method} ${request.raw.url}`,
    body: JSON.stringify(request.body ?? null),
    execute,
    keep: (answer) => without(answer, reissue?.fields ?? []),
    again: async (kept) => (reissue ? reissue.again(verbs, kept, input) : kept),
  })
}

function without(answer: unknown, fields: readonly string[]): unknown {
  if (typeof answer !== 'object' || answer === null) return answer
  return Object.fromEntries(Object.entries(answer).filter(([key]) => !fields.includes(key)))
}

function parse(endpoint: Endpoint, request: FastifyRequest): Parts {
  return {
    params: part(endpoint.params, request.params, 'the path'),
    query: part(endpoint.query, request.query, 'the query'),
    body: part(endpoint.body, request.body ?? {}, 'the body'),
  }
}

function part(schema: z.ZodObject, given: unknown, where: string): Record<string, unknown> {
  const { success, data, error } = schema.safeParse(given)
  if (success) return data
  const first = error.issues
    .slice(0, 3)
    .map(({ path, message }) => (path.length > 0 ? `\`${path.join('.')}\`: ${message}` : message))
  throw new StintError('invalid_argument', `in ${where}: ${first.join('; ')}`.slice(0, 500))
}
