import { randomUUID } from 'node:crypto'
import { createCache } from '../cache.ts'
import { StintError } from '../errors.ts'
import type { Flow, Program } from '../model.ts'
import { readRouted } from './message.ts'
import { NOTHING_WAITS, Session, type Waiting } from './session.ts'
import { type Confine, startProcess } from './start-process.ts'
import { type Answer, errorOf } from './streams.ts'

/** Whose program it is, and what it is given: no program serves two tasks. */
export interface Tenant {
  readonly taskId: string
  readonly targetId: string
  readonly program: Program
  /** The target's credential, in the clear. */
  readonly secrets: Readonly<Record<string, string>>
  /** Masks the credential in what the operator's log is told. */
  mask(text: string): string
}

/** A request of MCP's streamable HTTP, decided and read whole. Header names are in lower case. */
export interface ProgramRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The programs that are targets of this gateway. */
export interface Programs {
  /** Answers as a server of streamable HTTP would, starting the program where there is none. Throws nothing. */
  exchange(tenant: Tenant, request: ProgramRequest, answer: Answer): Waiting
  /** Ends all, and answers when they are gone. */
  close(): Promise<void>
}

export interface ProgramsOptions {
  /** The sandbox, found out about when the first program starts. */
  findConfine(): Promise<Confine>
  /** revocations/: what a revocation that covers the task or the target cuts. Undefined where no task has it. */
  openFlow(tenant: Tenant): Flow | undefined
  /** The operator's log. */
  note(tenant: Tenant, what: string): void
  /** Until a request hears anything from its program. */
  readonly silenceMs: number
  now(): number
}

interface Kept {
  readonly session: Session
  readonly tenant: Tenant
  readonly startedAt: number
}

interface Trouble {
  readonly failures: number
  readonly notBefore: number
}

const IDLE_MS = 15 * 60_000
/** At once, of one task. */
const MOST_OF_TASK = 8
/** At once, of all. */
const MOST = 200
/** A program that lived as long was no failure to start. */
const STEADY_MS = 30_000
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 60_000
const CLOSE_MS = 6000
/** The revision since which a request needs no session (MCP, "Versioning": revisions are dates). */
const STATELESS_SINCE = '2026-07-28'
const JSON_TYPE = { 'content-type': 'application/json' }

/** No program yet. One for each session of 2025-11-25 and before, and one for all of a task's requests without a session. */
export function createPrograms(options: ProgramsOptions): Programs {
  const kept = new Map<string, Kept>()
  const troubles = createCache<Trouble>(1000)
  const gone = new Set<PromiseWithResolvers<void>>()
  return { exchange, close }

  function exchange(tenant: Tenant, request: ProgramRequest, answer: Answer): Waiting {
    const { 'mcp-session-id': id, 'mcp-protocol-version': version = '' } = request.headers
    const message = request.method === 'POST' ? readRouted(request.body) : undefined
    if (id === undefined && message?.method === 'initialize') {
      const fresh = randomUUID()
      return withSession(start(tenant, fresh), answer, (one) =>
        one.post(request.body, message, answer, { 'mcp-session-id': fresh }),
      )
    }
    if (id === undefined && (message === undefined || version < STATELESS_SINCE))
      return say(answer, message === undefined ? 405 : 400, 'a session is begun with initialize')
    const session = id === undefined ? (find(tenant, '') ?? start(tenant, '')) : find(tenant, id)
    if (session === undefined) return say(answer, 404, 'the session is over; begin a new one')
    return withSession(session, answer, (one) => {
      if (message !== undefined) return one.post(request.body, message, answer)
      if (request.method === 'GET') return one.listen(answer)
      one.end()
      answer.start(204, {})
      answer.end()
      return NOTHING_WAITS
    })
  }

  /** Undefined for one that is over, and for one that has another credential than its task has now. */
  function find(tenant: Tenant, id: string): Session | undefined {
    const found = kept.get(keyOf(tenant, id))
    if (found === undefined || found.session.isOver) return undefined
    if (JSON.stringify(found.tenant.secrets) === JSON.stringify(tenant.secrets)) return found.session
    found.session.kill('the target has another credential now')
    return undefined
  }

  function start(tenant: Tenant, id: string): Session | StintError {
    const refusal = refuseStart(tenant)
    if (refusal !== undefined) return refusal
    const key = keyOf(tenant, id)
    const flow = options.openFlow(tenant)
    const note = (what: string): void => options.note(tenant, tenant.mask(what))
    const session = new Session({
      ...{ silenceMs: options.silenceMs, idleMs: IDLE_MS, note },
      onOver: () => {
        flow?.close()
        if (kept.get(key)?.session === session) kept.delete(key)
      },
    })
    kept.set(key, { session, tenant, startedAt: options.now() })
    flow?.onCut(() => session.kill('it was revoked'))
    void run(tenant, session)
    return session
  }

  async function run(tenant: Tenant, session: Session): Promise<void> {
    const startedAt = options.now()
    const confine = await options.findConfine()
    if (session.isOver) return
    const exited = Promise.withResolvers<void>()
    gone.add(exited)
    const running = startProcess(tenant.program, { ...tenant.secrets, STINT_TASK: tenant.taskId }, confine, {
      onLine: (line) => session.onLine(line),
      onTooLong: () => session.onTooLong(),
      onSaid: (line) => session.onSaid(line),
      onExit(how) {
        gone.delete(exited)
        exited.resolve()
        if (!session.isOver) noteTrouble(tenant, startedAt)
        session.onExit(how)
      },
    })
    options.note(tenant, `it was started as process ${running.pid ?? '?'}`)
    session.attach(running)
  }

  /** The longer, the more often it ended by itself. */
  function noteTrouble(tenant: Tenant, startedAt: number): void {
    const now = options.now()
    const before = troubles.get(keyOf(tenant, ''))
    const failures = now - startedAt >= STEADY_MS ? 0 : (before?.failures ?? 0) + 1
    const pauseMs = failures < 2 ? 0 : Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 2))
    troubles.set(keyOf(tenant, ''), { failures, notBefore: now + pauseMs })
  }

  function refuseStart(tenant: Tenant): StintError | undefined {
    const { failures, notBefore } = troubles.get(keyOf(tenant, '')) ?? { failures: 0, notBefore: 0 }
    const seconds = Math.ceil((notBefore - options.now()) / 1000)
    if (seconds > 0)
      return new StintError('upstream_failed', `the target’s program ended ${failures} times in a row; try again in ${seconds} s`)
    const own = [...kept.values()].filter(({ tenant: { taskId } }) => taskId === tenant.taskId)
    if (own.length < MOST_OF_TASK && kept.size < MOST) return undefined
    const idle = own.find(({ session }) => session.isIdle)
    if (idle === undefined)
      return new StintError('rate_limited', `${own.length} programs run for this task; end a session before the next begins`)
    idle.session.end()
    return undefined
  }

  async function close(): Promise<void> {
    for (const { session } of [...kept.values()]) session.end()
    const all = Promise.all([...gone].map(({ promise }) => promise))
    await Promise.race([all, new Promise((done) => setTimeout(done, CLOSE_MS).unref())])
  }
}

function keyOf({ taskId, targetId }: Tenant, id: string): string {
  return `${taskId} ${targetId} ${id}`
}

function withSession(session: Session | StintError, answer: Answer, go: (session: Session) => Waiting): Waiting {
  if (!(session instanceof StintError)) return go(session)
  answer.fail(session)
  return NOTHING_WAITS
}

/** What its client can do nothing about but begin anew (MCP 2025-11-25, "Session management"). */
function say(answer: Answer, status: number, why: string): Waiting {
  answer.start(status, JSON_TYPE)
  answer.data(errorOf(null, -32600, why))
  answer.end()
  return NOTHING_WAITS
}
