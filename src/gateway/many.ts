import { randomUUID } from 'node:crypto'
import type { Broker } from '../broker.ts'
import { createCache } from '../cache.ts'
import type { ManyAsked, ManyPart, ManyServers } from '../credentials/many-servers.ts'
import { asStintError, CATALOGUE, StintError } from '../errors.ts'
import type { Caller, Operation, Target } from '../model.ts'
import type { Arrival } from './arrival.ts'
import type { AttachVerbs } from './attach.ts'
import { createInnerArrival, type InnerRequest, type Sink } from './inner-arrival.ts'
import { type Collected, collect, joinStreams, passOn } from './many-answers.ts'
import { answerOwn, type OwnRequest, ownUrl, proofAt } from './own-host.ts'
import type { GatewayProof } from './proof.ts'
import { refusalText } from './refusal.ts'
import { refuse } from './refuse.ts'
import { readPrefix } from './upload.ts'

/** Where the gateway speaks for all MCP servers of a task, below its own name. */
const MANY_PATH = '/mcp'
const METADATA_PATH = `/.well-known/oauth-protected-resource${MANY_PATH}`
/** Where the address says what it wants to be shown. */
const METADATA_URL = ownUrl(METADATA_PATH)
/** How long one of several servers may take before the others are answered without it. */
const PATIENCE_MS = 10_000
/** Sessions of two generations. */
const REMEMBERED = 10_000
/** What a server gets of a client's fields; the rest is between the client and Stint. */
const PASSED =
  /^(?:accept|content-type|user-agent|mcp-method|mcp-name|mcp-protocol-version|mcp-param-.*|last-event-id|traceparent|prefer)$/

/** What the one address needs of the rest of the product. */
export interface ManyVerbs extends Pick<AttachVerbs, 'attach'> {
  readonly refuseUndecided: Broker<GatewayProof>['refuseUndecided']
  readonly manyServers: ManyServers
  /** Who gives out the tokens that are shown here: the URL that its metadata is found by (RFC 8414). */
  readonly issuer: string
  /** The MCP servers of the caller's task, each with one place. Throws `task_not_live`. */
  serversOf(caller: Caller): readonly Target[]
}

/** A client's session with all of its servers, in memory; `places` has each that took part. */
interface Session {
  readonly taskId: string
  readonly places: ReadonlyMap<string, { readonly session?: string; readonly version?: string }>
  /** The server of each request that goes on, by its id. */
  readonly going: Map<string, string>
}

/**
 * Serves `http://stint.invalid/mcp`: each message becomes messages to targets of the caller's task, and `handle` reads, decides, records
 * and sends each of them as if it had come by itself. Nothing is decided here. Never rejects but for what `handle` would.
 */
export function createMany(verbs: ManyVerbs, handle: (arrival: Arrival) => Promise<void>) {
  const { manyServers: many } = verbs
  const sessions = createCache<Session>(REMEMBERED)

  return { has: ({ path }: Operation): boolean => path === MANY_PATH || path === METADATA_PATH, serve }

  async function serve({ arrival, operation, correlationId }: OwnRequest): Promise<void> {
    if (operation.path === METADATA_PATH && operation.method === 'GET') return answerMetadata(arrival, verbs.issuer)
    const proof = proofAt(MANY_PATH, arrival, operation)
    let caller: Caller | undefined
    let seen = operation
    let isRead = false
    try {
      caller = proof.kind === 'attached' ? proof.caller : await verbs.attach(proof)
      const servers = verbs.serversOf(caller)
      refusePages(operation)
      if (operation.method === 'POST') {
        if (arrival.expectsContinue) arrival.reply.sendContinue()
        const { chunks, ended } = await readPrefix(arrival.body, many.maxBytes)
        seen = { ...operation, body: Buffer.concat(chunks).subarray(0, many.maxBytes) }
        isRead = ended
      }
      const session = sessionOf(seen, caller)
      const targets = session === undefined ? servers : servers.filter(({ id }) => session.places.has(id))
      const asked = many.read({ ...seen, headers: passedOn(seen.headers) }, { targets, sentTo: (key) => session?.going.get(key) })
      if (asked.step !== 'begin' && session === undefined && !isStateless(seen))
        throw new StintError('not_found', 'this address has no such session; begin with initialize')
      if (servers.length === 0) throw new StintError('target_unknown', 'the task has no MCP server in its scope')
      await carry({ arrival, operation: seen, caller, session, asked })
    } catch (thrown) {
      const error = asStintError(thrown)
      const refusal = await verbs.refuseUndecided(correlationId, caller, error)
      const isChallenge = CATALOGUE[error.code][0] === 401
      const spoken = isChallenge ? undefined : many.speakRefusal(seen, refusalText(refusal), thrown)
      await refuse(arrival, refusal, {
        headers: operation.headers,
        hasRest: operation.method === 'POST' && !isRead,
        spoken,
        resourceMetadata: METADATA_URL,
      })
    }
  }

  function sessionOf({ headers }: Operation, caller: Caller): Session | undefined {
    const id = headers['mcp-session-id']
    const session = id === undefined ? undefined : sessions.get(id)
    if (id !== undefined && (session === undefined || session.taskId !== caller.taskId))
      throw new StintError('not_found', 'the session is none that this task was given here; begin a new one')
    return session
  }

  interface Carried {
    readonly arrival: Arrival
    readonly operation: Operation
    readonly caller: Caller
    readonly session: Session | undefined
    readonly asked: ManyAsked
  }

  async function carry(carried: Carried): Promise<void> {
    const { arrival, asked, session } = carried
    if (asked.manner === 'merge') return merge(carried)
    const [part] = asked.parts
    if (asked.manner === 'pass' && part !== undefined) {
      if (asked.key !== undefined) session?.going.set(asked.key, part.target.id)
      try {
        return await send(carried, part, passOn(part, arrival.reply, many))
      } finally {
        if (asked.key !== undefined) session?.going.delete(asked.key)
      }
    }
    const sinkFor = joinStreams(asked.parts.length, arrival.reply, many, () => answerOwn(arrival, 405))
    await Promise.all(asked.parts.map((one) => send(carried, one, sinkFor(one))))
  }

  async function merge(carried: Carried): Promise<void> {
    const { arrival, operation, caller, asked } = carried
    const answers = await Promise.all(asked.parts.map((part) => gather(carried, part)))
    const { status, body, agreed } = asked.merge(answers)
    if (!arrival.reply.open) return
    if (asked.step === 'begin' && agreed !== undefined) {
      const id = randomUUID()
      sessions.set(id, { taskId: caller.taskId ?? '', places: placesOf(answers, agreed), going: new Map() })
      return answerOwn(arrival, status, body, ['mcp-session-id', id])
    }
    if (asked.step === 'end') sessions.set(operation.headers['mcp-session-id'] ?? '', ENDED)
    answerOwn(arrival, status, body)
  }

  /** One of several: its silence is its own. */
  function gather(carried: Carried, part: ManyPart): Promise<Collected> {
    return new Promise((done) => {
      const sink = collect(part, (given) => {
        clearTimeout(timer)
        done(given)
      })
      const { arrival, abandon } = inner(carried, part, sink)
      const timer = setTimeout(() => {
        sink.fail('upstream_timeout')
        abandon()
      }, PATIENCE_MS)
      void handle(arrival)
    })
  }

  function send(carried: Carried, part: ManyPart, sink: Sink): Promise<void> {
    return handle(inner(carried, part, sink).arrival)
  }

  function inner({ arrival, operation, caller, session }: Carried, part: ManyPart, sink: Sink) {
    const made = createInnerArrival(requestTo(part, operation, { caller, session }, many.placeOf(part.target)), sink)
    arrival.reply.whenClosed(() => made.abandon())
    return made
  }
}

/** What the address wants to be shown: a token bound to a key, with a proof of it, and never a bearer's (RFC 9728, section 2). Public. */
function answerMetadata(arrival: Arrival, issuer: string): void {
  const document = {
    resource: ownUrl(MANY_PATH),
    resource_name: 'Stint: the MCP servers of a task',
    authorization_servers: [issuer],
    bearer_methods_supported: [],
    dpop_bound_access_tokens_required: true,
    dpop_signing_alg_values_supported: ['ES256'],
  }
  answerOwn(arrival, 200, Buffer.from(JSON.stringify(document)))
}

const ENDED: Session = { taskId: '', places: new Map(), going: new Map() }

/** A page in a task's browser may send requests, and is no client of MCP (MCP, streamable HTTP, "Security warning": Origin). */
function refusePages({ headers }: Operation): void {
  if (headers.origin !== undefined) throw new StintError('denied', 'a page in a browser is no client of this address')
}

/** 2026-07-28 has no sessions. */
function isStateless({ headers }: Operation): boolean {
  return headers['mcp-protocol-version'] === '2026-07-28'
}

function placesOf(answers: readonly Collected[], agreed: ReadonlyMap<string, string>): Session['places'] {
  const taken = answers.filter(({ target }) => agreed.has(target.id))
  return new Map(
    taken.map(({ target: { id }, session }) => {
      const version = agreed.get(id)
      return [id, { ...(session !== undefined && { session }), ...(version !== undefined && { version }) }]
    }),
  )
}

function passedOn(headers: Operation['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => PASSED.test(name)))
}

/** The same message at the target's own address, in the session and revision that it agreed to. */
function requestTo(
  { target, headers, body }: ManyPart,
  { method }: Operation,
  { caller, session }: { caller: Caller; session: Session | undefined },
  url: string,
): InnerRequest {
  const place = session?.places.get(target.id)
  const own = {
    ...(place?.session !== undefined && { 'mcp-session-id': place.session }),
    ...(place?.version !== undefined && { 'mcp-protocol-version': place.version }),
  }
  return { method, url, headers: { ...headers, ...own }, caller, ...(body !== undefined && { body }) }
}
