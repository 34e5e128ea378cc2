import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { asStintError, problem, StintError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Caller } from '../model.ts'
import { SAFE_HEADERS, sendFailure } from './answer.ts'
import { SERVER_CLOSING, type Site } from './endpoint.ts'
import { createFailures } from './failures.ts'
import { type Origins, originsOf, urlOf } from './host-guard.ts'
import { createOnce } from './idempotency.ts'
import { drain, listenOn, listenOnSocket } from './listen.ts'
import { describeRoutes } from './openapi.ts'
import { authenticate, type Pipeline, serve } from './pipeline.ts'
import type { Entrance } from './proof.ts'
import { isSigned, ROUTES, type Row } from './routes.ts'
import type { ApiVerbs } from './verbs.ts'

/** The largest body that is read, in bytes. */
const BODY_LIMIT = 1_048_576

/** Paths whose proof is over the bytes of the body. */
const SIGNED = new Set(ROUTES.filter(isSigned).map(({ path }) => path))

export interface ApiOptions {
  /** The `iss` of task tokens; its host is a name the API may be asked under. */
  readonly issuer: string
  readonly version: string
  readonly log: Log
  readonly now: () => number
  /** The process at the other end of an accepted unix socket, from the kernel. */
  peerPid(socket: Socket): number | undefined
  /** Between two signs of life on a held-open stream. */
  readonly heartbeatMs?: number
}

/** The API on as many listeners as are asked for, all with the same routes. */
export interface Api {
  listenTcp(host: string, port: number): Promise<{ port: number }>
  /** The operator's entrance, mode 0600. Throws `already_running` when someone answers there, `state_unsafe` when it is not a socket. */
  listenSocket(path: string): Promise<void>
  /** Refuses new requests, ends streams, lets open exchanges finish for so long, then cuts them. */
  close(drainSeconds: number): Promise<void>
}

/** Mounts ROUTES over the verbs. Nothing listens yet. */
export async function createApi(verbs: ApiVerbs, options: ApiOptions): Promise<Api> {
  const entrances = new WeakMap<Socket, Entrance>()
  const closing = new AbortController()
  const servers: Server[] = []
  const texts = new WeakMap<FastifyRequest, string>()
  let origins: Origins = new Map()
  const app = await createApp(
    {
      verbs,
      log: options.log,
      site: { issuer: options.issuer, describe: describer(options) },
      failures: createFailures(options.now),
      once: createOnce(verbs.idempotency),
      heartbeatMs: options.heartbeatMs ?? 10_000,
      textOf: (request) => texts.get(request) ?? '',
      arrival: ({ raw }) => {
        const entrance = entrances.get(raw.socket) ?? { kind: 'tcp' }
        return { entrance, url: entrance.kind === 'socket' ? (raw.url ?? '') : urlOf(raw, origins) }
      },
      signal: (reply) => AbortSignal.any([closing.signal, whenGone(reply)]),
    },
    closing.signal,
    texts,
  )
  const serverFor = (entranceOf: (socket: Socket) => Entrance): Server => {
    const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 16_384 }, app.routing)
    server.on('connection', (socket) => entrances.set(socket, entranceOf(socket)))
    server.on('clientError', refuseUnreadable)
    servers.push(server)
    return server
  }
  return {
    async listenTcp(host, port) {
      const server = serverFor(() => ({ kind: 'tcp' }))
      server.maxConnections = 1000
      const bound = await listenOn(server, host, port)
      origins = new Map([...origins, ...originsOf(host, bound, options.issuer)])
      return { port: bound }
    },
    listenSocket: (path) =>
      listenOnSocket(
        serverFor((socket) => ({ kind: 'socket', pid: options.peerPid(socket) })),
        path,
      ),
    async close(drainSeconds) {
      closing.abort(SERVER_CLOSING)
      await Promise.all(servers.map((server) => drain(server, drainSeconds)))
      await app.close()
    },
  }
}

/** Describes the API when it is first asked to: nobody may ever ask, and a start need not wait for it. */
function describer({ version, issuer }: ApiOptions): Site['describe'] {
  let description: ReturnType<Site['describe']> | undefined
  return () => (description ??= describeRoutes(ROUTES, version, issuer))
}

/** What is not HTTP gets one problem document and the end of its connection. */
function refuseUnreadable(_error: Error, socket: Duplex): void {
  if (!socket.writable) return
  const body = JSON.stringify(problem('malformed_request', 'the request is not well-formed HTTP, or its head is too large'))
  const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: ${body.length}\r\nconnection: close`
  socket.end(`${head}\r\n\r\n${body}`)
}

function whenGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  return gone.signal
}

async function createApp(
  pipeline: Pipeline,
  closing: AbortSignal,
  texts: WeakMap<FastifyRequest, string>,
): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: BODY_LIMIT,
    exposeHeadRoutes: false,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: 300 },
    schemaController: { compilersFactory: { buildValidator: refuseSchema, buildSerializer: refuseSchema } },
  })
  const json = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, text, done) => {
    if (SIGNED.has(request.routeOptions.url ?? '')) texts.set(request, text)
    json(request, text, done)
  })
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...SAFE_HEADERS, 'stint-correlation-id': request.id })
    if (closing.aborted) throw new StintError('stopping', 'Stint is shutting down')
  })
  app.addHook('onSend', async (_request, reply) => {
    if (closing.aborted) reply.header('connection', 'close')
  })
  app.addHook('onResponse', async (request, reply) => logAnswer(pipeline.log, request, reply))
  app.setErrorHandler((thrown, request, reply) => fail(pipeline.log, thrown, request, reply))
  app.setNotFoundHandler((request, reply) =>
    sendFailure(reply, new StintError('not_found', 'there is no such route'), request.id),
  )
  for (const row of ROUTES) mount(app, pipeline, row)
  await app.ready()
  return app
}

/** Rows are checked by pipeline.ts; the checkers that Fastify would have for schemas of its own are not loaded. */
function refuseSchema(): never {
  throw new StintError('internal', 'a route has a schema of Fastify')
}

function mount(app: FastifyInstance, pipeline: Pipeline, row: Row): void {
  const callers = new WeakMap<FastifyRequest, Caller>()
  app.route({
    method: row.method,
    url: row.path,
    onRequest: async (request) => {
      const caller = await authenticate(pipeline, row, request)
      if (caller !== undefined) callers.set(request, caller)
    },
    handler: (request, reply) => serve(pipeline, row, callers.get(request), request, reply),
  })
}

/** What Fastify refuses by itself is the caller's mistake; everything else that is not ours is `internal`. */
function fail(log: Log, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = fromFastify(thrown) ?? asStintError(thrown)
  const about = { correlationId: request.id, code: error.code, detail: error.detail, operatorDetail: error.operatorDetail }
  if (error.status >= 500) log.error({ ...about, err: thrown }, 'API request failed')
  else log.debug(about, 'API request refused')
  return sendFailure(reply, error, request.id)
}

function fromFastify(thrown: unknown): StintError | undefined {
  if (thrown instanceof StintError || !(thrown instanceof Error)) return undefined
  const { statusCode } = thrown as Error & { statusCode?: unknown }
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return undefined
  if (statusCode === 413) return new StintError('body_too_large', `a body may be ${BODY_LIMIT} bytes`)
  return new StintError(
    'malformed_request',
    statusCode === 415 ? 'send the body as application/json' : 'the body is not valid JSON',
  )
}

function logAnswer(log: Log, request: FastifyRequest, reply: FastifyReply): void {
  log.debug(
    { correlationId: request.id, method: request.method, route: request.routeOptions.url, status: reply.statusCode },
    'API request',
  )
}
