import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Attempt, Refusal, Served } from '../broker.ts'
import type { Connector } from '../credentials/connector.ts'
import type { Lease } from '../credentials/lease.ts'
import { asStintError, StintError } from '../errors.ts'
import type { Action, Flow, Outcome, Scheme, Target } from '../model.ts'
import { createByteReader } from './byte-reader.ts'
import type { Dial } from './dial.ts'
import { checkHost } from './forward.ts'
import { outcomeOf, startTally } from './outcome.ts'
import { createCancelKeys } from './postgres-cancel.ts'
import { dialPostgres } from './postgres-dial.ts'
import { type LoggedIn, logIn } from './postgres-login.ts'
import { cstring, int32, writeMessage, writeRefusalMessage } from './postgres-messages.ts'
import { readStartup, type Startup } from './postgres-startup.ts'
import type { GatewayProof } from './proof.ts'
import { malformed, refusalOf } from './refusal.ts'
import { splice } from './splice.ts'
import { brokenOff, loginOf, type WireSession } from './wire-session.ts'

/** What the entrance needs of the rest of the product. */
export interface PostgresVerbs {
  serve(attempt: Attempt<GatewayProof>): Promise<Served>
  match(scheme: Scheme, host: string, port: number): Target | undefined
  connectorOf(target: Target): Connector
  /** A cancel that failed, which nobody waits for. */
  report(thrown: unknown): void
}

type Session = Extract<Startup, { kind: 'session' }>

const STARTUP_MS = 10_000
const AUTHENTICATED = writeMessage('R', int32(0))

/**
 * The PostgreSQL entrance (protocol version 3.0): reads the startup message, has it decided, logs in upstream as the lease says, and
 * carries the session's bytes unread. The client shows no password and is shown none. Answers when the session is over; never rejects.
 */
export function createPostgres(verbs: PostgresVerbs, dial: Dial) {
  const keys = createCancelKeys(verbs.report)
  return async (wire: WireSession): Promise<void> => {
    const correlationId = randomUUID()
    const { socket, caller } = wire
    try {
      const startup = await firstMessage(socket)
      if (startup.kind === 'cancel') {
        await keys.cancel(caller.taskId, startup.key)
        socket.destroySoon()
        return
      }
      const served = await serve(wire, startup, correlationId)
      if ('refusal' in served) refuse(socket, served.refusal)
    } catch (thrown) {
      refuse(socket, refusalOf(asStintError(thrown), correlationId))
    }
  }

  function serve({ socket, place, caller }: WireSession, startup: Session, correlationId: string): Promise<Served> {
    let described: { target: Target; action: Action } | undefined
    return verbs.serve({
      correlationId,
      proof: { kind: 'attached', caller },
      describe() {
        described = describe(place, startup)
        return described
      },
      async carryOut(_permit, lease, flow) {
        if (described === undefined) throw new StintError('internal', 'a session was carried out before it was described')
        const { target, action } = described
        const open = { ...place, tls: target.settings?.tls !== 'off' }
        return carry(socket, startup, { lease, flow, open, database: action.resource, taskId: caller.taskId })
      },
    })
  }

  function describe({ host, port }: WireSession['place'], { user, database }: Session): { target: Target; action: Action } {
    const target = verbs.match('postgres', host, port)
    if (target === undefined) throw new StintError('target_unknown', `no target declares postgres://${host}:${port}`)
    const { describeSession } = verbs.connectorOf(target)
    if (describeSession === undefined) throw new StintError('unknown_action', 'this target opens no sessions')
    return { target, action: describeSession({ user, database }, target) }
  }

  async function carry(
    socket: Socket,
    startup: Session,
    {
      lease,
      flow,
      open,
      database,
      taskId,
    }: { lease: Lease; flow: Flow; open: Parameters<typeof dialPostgres>[1]; database: string; taskId: string | undefined },
  ): Promise<Outcome> {
    checkHost(lease, { scheme: 'postgres', host: open.host, port: open.port })
    const tally = startTally()
    const upstream = await dialPostgres(dial, open, lease)
    flow.onCut(() => upstream.destroy())
    const wish = { login: loginOf(lease), database, settings: startup.settings, isClear: !open.tls }
    const loggedIn = await logIn(upstream, wish).catch((thrown) => {
      throw flow.isCut ? brokenOff() : thrown
    })
    if (flow.isCut || socket.destroyed) {
      upstream.destroy()
      throw brokenOff()
    }
    const { cancelKey } = loggedIn
    const kept =
      cancelKey && keys.add(taskId, async () => void (await sendCancel(await dialPostgres(dial, open, lease), cancelKey)))
    try {
      socket.write(greet(startup, loggedIn, kept?.key))
      const spliced = splice(socket, upstream, flow, tally)
      for (const one of [socket, upstream]) one.resume() // the readers of the login gave them back paused
      return outcomeOf(tally, await spliced)
    } finally {
      kept?.remove()
    }
  }
}

/** Throws `malformed_request`, also for one that does not come. */
async function firstMessage(socket: Socket): Promise<Startup> {
  const late = malformed('the startup message did not arrive in time')
  const reader = createByteReader(socket, () => malformed('the connection closed before its startup message'))
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(late), STARTUP_MS)
  })
  try {
    return await Promise.race([readStartup(reader, (bytes) => void socket.write(bytes)), tooLate])
  } finally {
    clearTimeout(timer)
    reader.release()
  }
}

/** What a server says before it takes queries. Options of a newer protocol are answered as not known ("NegotiateProtocolVersion"). */
function greet({ unknown, isNewer }: Session, { told, ready }: LoggedIn, key: Buffer | undefined): Buffer {
  const names = unknown.map(cstring)
  const negotiated = isNewer || names.length > 0 ? [writeMessage('v', int32(3 << 16), int32(names.length), ...names)] : []
  return Buffer.concat([...negotiated, AUTHENTICATED, told, ...(key === undefined ? [] : [writeMessage('K', key)]), ready])
}

/** "CancelRequest": the server closes the connection and says nothing. */
function sendCancel(connection: Duplex, key: Buffer): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(() => connection.destroy(), STARTUP_MS)
    connection.on('close', () => {
      clearTimeout(timer)
      done()
    })
    connection.resume().end(Buffer.concat([int32(16), int32(80_877_102), key]))
  })
}

function refuse(socket: Socket, refusal: Refusal): void {
  if (socket.destroyed || !socket.writable) return
  socket.end(writeRefusalMessage(refusal), () => socket.destroy())
}
