import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { StintError } from '../errors.ts'
import type { Arrival } from './arrival.ts'
import { askInner, type InnerAnswer } from './ask-inner.ts'
import { createAttach, isAttach } from './attach.ts'
import type { Ca } from './ca.ts'
import { type ConnectVerbs, createConnect } from './connect.ts'
import { type Connection, type Connections, createConnections } from './connections.ts'
import type { Dial } from './dial.ts'
import { createForward } from './forward.ts'
import { createHandle, type HttpVerbs } from './http.ts'
import type { InnerRequest } from './inner-arrival.ts'
import { createMysql } from './mysql.ts'
import { createPools } from './pools.ts'
import { createPostgres, type PostgresVerbs } from './postgres.ts'
import { NO_PROGRAMS, type ProgramServers } from './program-route.ts'
import { createRedis } from './redis.ts'
import { malformed, refusalOf, writeRefusal } from './refusal.ts'
import { Http1Reply } from './reply-http1.ts'
import { createSessions } from './sessions.ts'
import { createSpools, type Spools } from './spool.ts'
import { createSsh } from './ssh.ts'
import { createSshAgent, isSshAgent } from './ssh-agent.ts'
import { createSshSessions } from './ssh-sessions.ts'
import { arrivalOfUpgrade, isWebSocket } from './upgrade.ts'

export type { GatewayProof } from './proof.ts'

/** The verbs of the gateway, each owned by one folder; main.ts joins them. */
export interface GatewayVerbs extends HttpVerbs, ConnectVerbs, PostgresVerbs {}

export interface GatewayOptions {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly maxConnections: number
  /** Limit for a target's first answer byte. */
  readonly headersTimeoutMs: number
  /** Limit for a client's header section. */
  readonly clientHeadersTimeoutMs: number
  /** Longest body that a person can be asked to consent to. */
  readonly approvalBodyBytes: number
  /** How much of the disk such bodies may take at once, in all. */
  readonly approvalSpoolBytes: number
  /** The directory that they wait in. */
  readonly spoolDirectory: string
  /** Longest that a request is held for their answer. */
  readonly approvalWaitSeconds: number
  readonly ca: Ca
  readonly dial: Dial
  /** What answers for targets that are programs. */
  readonly programs?: ProgramServers
}

/** The forward proxy that workloads reach the world through. */
export interface Gateway {
  /** Throws `already_running` when the address is taken. */
  listen(): Promise<{ port: number }>
  /** Makes a request for a caller as if it had arrived from them: decided, recorded, sent. Never rejects. */
  ask(request: InnerRequest): Promise<InnerAnswer>
  /** Takes nothing new, lets what is open end for so long, then breaks it off. */
  close(drainSeconds: number): Promise<void>
}

const MAX_HEADER_BYTES = 32 * 1024
const CLIENT_IDLE_MS = 60_000
const DRAIN_STEP_MS = 50

/** The gateway over the verbs that the folders lend it. Nothing is sent to a target but by `serve`. */
export function createGateway(verbs: GatewayVerbs, options: GatewayOptions): Gateway {
  const connections = createConnections()
  const sockets = new Set<Socket>()
  let stopping = false
  const isStopping = () => stopping
  const pools = createPools({ programs: NO_PROGRAMS, ...options })
  const handle = createHandle(verbs, createForward(pools), { ...options, spools: spoolsOf(options), isStopping })
  const sessions = createSessions(handle, connections)
  const server = createHttpServer(options, connections)
  const adoptHttp1 = (socket: Socket) => void server.emit('connection', readAgain(socket))
  const { dial } = options
  const ssh = createSshSessions()
  const wire = {
    ...{ postgres: createPostgres(verbs, dial), mysql: createMysql(verbs, dial), redis: createRedis(verbs, dial) },
    ssh: createSsh(verbs, dial, ssh),
  }
  const adopt = { plain: adoptHttp1, http1: adoptHttp1, http2: sessions.adopt, wire }
  const connect = createConnect(verbs, { connections, ca: options.ca, dial: options.dial, adopt, isStopping })
  const attach = createAttach(verbs, connections, adoptHttp1)
  const sshAgent = createSshAgent(verbs, ssh, { connections, isStopping })

  server.on('connection', (socket: Socket) => track(socket, sockets))
  server.on('request', (request, response) => void handle(arrivalOf(request, response, connections.of(request.socket), false)))
  server.on(
    'checkContinue',
    (request, response) => void handle(arrivalOf(request, response, connections.of(request.socket), true)),
  )
  server.on('connect', (request, socket: Duplex, head: Buffer) => void connect(request, socket as Socket, head))
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    if (isAttach(request)) void attach(request, socket as Socket, head)
    else if (isSshAgent(request)) void sshAgent(request, socket as Socket, head)
    else void handle(arrivalOfUpgrade(request, socket as Socket, head, connections.of(socket)))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => refuseUnread(error, socket, connections.of(socket)))

  return {
    listen: () => listen(server, options),
    ask: (request) => askInner(handle, request),
    async close(drainSeconds) {
      stopping = true
      const deadline = Date.now() + drainSeconds * 1000
      server.close()
      sessions.drain()
      while (sockets.size > 0 && Date.now() < deadline) {
        for (const socket of sockets) if (connections.of(socket).busy === 0) socket.destroySoon()
        await new Promise((done) => setTimeout(done, DRAIN_STEP_MS))
      }
      for (const socket of sockets) socket.destroy()
      await pools.close()
    },
  }
}

function createHttpServer({ clientHeadersTimeoutMs, maxConnections }: GatewayOptions, connections: Connections): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: clientHeadersTimeoutMs,
    connectionsCheckingInterval: Math.ceil(clientHeadersTimeoutMs / 4),
    requestTimeout: 0, // bodies may take as long as their task lives
    keepAliveTimeout: CLIENT_IDLE_MS,
    noDelay: true,
    optimizeEmptyRequests: true, // a stream that never says anything costs a request 4 µs
    requireHostHeader: false, // headers.ts asks for it, and the refusal is then like every other
    shouldUpgradeCallback(request) {
      if (isAttach(request) || isSshAgent(request) || isWebSocket(request)) return true
      connections.of(request.socket).isLast = true // Node loses what came right behind an upgrade that it ignores
      return false
    },
  })
  server.maxConnections = maxConnections
  return server
}

/** A task has as much at once as its longest body. */
function spoolsOf({
  spoolDirectory: directory,
  approvalBodyBytes: mostOfTask,
  approvalSpoolBytes: mostOfAll,
}: GatewayOptions): Spools {
  return createSpools({ directory, mostOfTask, mostOfAll })
}

function listen(server: Server, { host, port }: GatewayOptions): Promise<{ port: number }> {
  return new Promise((done, fail) => {
    server.once('error', (cause) => fail(new StintError('already_running', `cannot listen on ${host}:${port}`, { cause })))
    server.listen(port, host, () => {
      const address = server.address()
      done({ port: typeof address === 'object' && address !== null ? address.port : port })
    })
  })
}

/** Sees every socket once, although an attached or opened one is given to the HTTP parser again. */
function track(socket: Socket, sockets: Set<Socket>): void {
  if (sockets.has(socket)) return
  sockets.add(socket)
  socket.on('error', () => socket.destroy()) // also while no parser listens
  socket.once('close', () => sockets.delete(socket))
}

/**
 * A socket for another HTTP parser. Node leaves a mark on a socket's handle when a parser reads it directly and forgets to take
 * it away when the parser lets go; with the mark the next parser would read through the slower stream.
 */
function readAgain(socket: Socket): Socket {
  const { _handle: handle } = socket as { _handle?: { _consumed?: boolean } }
  if (handle) handle._consumed = false
  return socket
}

function arrivalOf(
  request: IncomingMessage,
  response: ServerResponse,
  connection: Connection,
  expectsContinue: boolean,
): Arrival {
  if (connection.isLast) response.shouldKeepAlive = false
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    rawHeaders: request.rawHeaders,
    httpVersion: request.httpVersion,
    expectsContinue,
    body: request,
    trailers: () => request.rawTrailers,
    reply: new Http1Reply(response, request.httpVersion),
    connection,
  }
}

const UNREAD: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'the header section is too large',
  ERR_HTTP_REQUEST_TIMEOUT: 'the header section did not arrive in time',
}

/** What the parser refused: 400 when nothing else was answered yet on this connection, else the connection is broken off. */
function refuseUnread(error: NodeJS.ErrnoException, socket: Duplex, connection: Connection): void {
  if (connection.isLast) return void socket.end()
  if (connection.busy > 0 || !socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
  const detail = UNREAD[error.code ?? ''] ?? `the bytes are not HTTP/1.1 (${error.code ?? 'unknown'})`
  writeRefusal(socket, refusalOf(malformed(detail), randomUUID()), {}, 'proxy')
}
