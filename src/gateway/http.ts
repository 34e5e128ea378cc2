import { randomUUID } from 'node:crypto'
import type { Attempt, Refusal, Served } from '../broker.ts'
import type { Connector, SpokenRefusal, Undo } from '../credentials/connector.ts'
import { asStintError, CATALOGUE, StintError } from '../errors.ts'
import type { Action, Decided, Effect, Exact, HostRule, Operation, Scheme, Target, Task } from '../model.ts'
import { type ApprovalStatusVerbs, isForApproval, tellApproval } from './approval-status.ts'
import { type Arrival, authorityOf, hasBody, readOperation } from './arrival.ts'
import { createBoundSessions } from './bound-sessions.ts'
import type { TakesSlash } from './canonical.ts'
import { createChangedTools } from './changed-tools.ts'
import { type Beginning, createCovered, readBeginning } from './covered.ts'
import type { Forward, Order } from './forward.ts'
import { type HandOutVerbs, handOut } from './hand-out.ts'
import { createMany, type ManyVerbs } from './many.ts'
import { OWN_HOST } from './own-host.ts'
import { readWait } from './prefer.ts'
import { type GatewayProof, readDpop } from './proof.ts'
import { refusalOf, refusalText } from './refusal.ts'
import { refuse } from './refuse.ts'
import type { Spools } from './spool.ts'
import { isForTaskTools, serveTaskTools, type TaskToolVerbs } from './task-tools.ts'

/** What handling a request needs of the rest of the product. */
export interface HttpVerbs extends HandOutVerbs, ManyVerbs, TaskToolVerbs, ApprovalStatusVerbs {
  /** broker.ts: decides, records, and carries out. */
  serve(attempt: Attempt<GatewayProof>): Promise<Served>
  match(scheme: Scheme, host: string, port: number): Target | undefined
  connectorOf(target: Target): Connector
  /** policy/: what it would say to another action of who was permitted this one. Nothing is recorded, since nothing is done. */
  foresee(decided: Decided, action: Action): Effect
  /** approvals/: what a client gives back while people are asked. */
  sealRetry(retried: Retried): string
  /** The question that it is given for. Throws `invalid_argument` where it is not of this very request, or not in time. */
  openRetry(state: string, by: Pick<Retried, 'taskId' | 'digest'>): string
  /** The operator's log: what an answer held that its caller is not given. */
  noteHeldBack(correlationId: string, what: string): void
  /** The log: how what was done is undone, at the place that it was done at. */
  noteUndo(decided: Decided, place: HostRule, undo: Undo): void
}

/** What a state is given for. `digest` is that of the exact request. */
interface Retried {
  readonly approvalId: string
  readonly taskId: string
  readonly digest: string
  readonly expiresAt: number
}

/** So long a request that gives a state back is held where it does not say: clients give up after some tries. */
const RETRY_HOLD_SECONDS = 20

/** Handles one request to its end. Never rejects. */
export type Handle = (arrival: Arrival) => Promise<void>

interface HandleOptions {
  isStopping(): boolean
  /** Longest body that a person can be asked to consent to. */
  readonly approvalBodyBytes: number
  /** Where those wait that are too long for memory. */
  readonly spools: Spools
  /** Longest that a request is held for their answer. */
  readonly approvalWaitSeconds: number
}

/** From a request as parsed to an attempt, and from what was served to an answer. */
export function createHandle(
  verbs: HttpVerbs,
  forward: Forward,
  { isStopping, approvalBodyBytes, spools, approvalWaitSeconds }: HandleOptions,
): Handle {
  const sessions = createBoundSessions()
  const states = createBoundSessions(
    () => new StintError('invalid_argument', 'the state that it gives back is none that this task was given here; ask anew'),
  )
  const changedTools = createChangedTools()
  const takesSlash: TakesSlash = ({ scheme, host, port }, path) => {
    const target = verbs.match(scheme, host, port)
    return target !== undefined && verbs.connectorOf(target).takesSlash?.(path) === true
  }
  const many = createMany(verbs, handleOne)
  return handleOne

  async function handleOne(arrival: Arrival): Promise<void> {
    const { connection } = arrival
    connection.busy += 1
    try {
      await handle(arrival)
    } catch {
      arrival.reply.reset() // what cannot be answered in order is broken off
    } finally {
      connection.busy -= 1
    }
  }

  async function handle(arrival: Arrival): Promise<void> {
    const correlationId = randomUUID()
    let operation: Operation
    try {
      operation = readOperation(arrival, takesSlash)
      if (isStopping()) throw new StintError('stopping', 'the gateway is shutting down')
    } catch (thrown) {
      return refuse(arrival, refusalOf(asStintError(thrown), correlationId), { headers: {}, hasRest: true })
    }
    const target = verbs.match(operation.scheme, operation.host, operation.port)
    const isOwn = operation.scheme === 'http' && operation.host === OWN_HOST
    if (isOwn && isForTaskTools(operation)) return serveTaskTools(verbs, { arrival, operation, correlationId })
    if (isOwn && isForApproval(operation)) return tellApproval(verbs, { arrival, operation, correlationId })
    if (isOwn && many.has(operation)) return many.serve({ arrival, operation, correlationId })
    const { served, seen, state } = isOwn
      ? {
          served: await handOut(verbs, { arrival, operation, proof: proofOf(arrival, operation), correlationId }),
          seen: operation,
          state: undefined,
        }
      : await attempt(arrival, operation, target, correlationId)
    if (!('refusal' in served)) return
    const { refusal } = served
    const spoken = target === undefined ? undefined : speak(refusal, seen, target, state)
    await refuse(arrival, refusal, { headers: operation.headers, hasRest: hasBody(arrival, operation), spoken })
  }

  /** A challenge is always HTTP's own. */
  function speak(refusal: Refusal, operation: Operation, target: Target, state?: string): SpokenRefusal | undefined {
    if (CATALOGUE[refusal.code][0] === 401) return undefined
    return verbs.connectorOf(target).speakRefusal?.(operation, refusalText(refusal, state))
  }

  /** Also answers the operation with what was read of its body, and the state to give back where people are asked. */
  async function attempt(
    arrival: Arrival,
    bare: Operation,
    target: Target | undefined,
    correlationId: string,
  ): Promise<{ served: Served; seen: Operation; state?: string | undefined }> {
    const proof = proofOf(arrival, bare)
    const connector = target && verbs.connectorOf(target)
    let beginning: Beginning
    try {
      beginning = await readBeginning(arrival, bare, isShown(proof) ? target : undefined, connector)
    } catch (thrown) {
      return { served: { refusal: refusalOf(asStintError(thrown), correlationId) }, seen: bare }
    }
    const { seen, state } = beginning
    const covered = createCovered({ arrival, beginning, connector, spools, most: approvalBodyBytes })
    const seconds = Math.min(readWait(bare.headers) || (state === undefined ? 0 : RETRY_HOLD_SECONDS), approvalWaitSeconds)
    let again: string | undefined
    const serving = verbs.serve({
      ...{ correlationId, proof },
      describe(task) {
        if (state !== undefined) again = verbs.openRetry(state, { taskId: task.id, digest: covered.exactSoFar().digest })
        return describe(seen, target, task)
      },
      exact: async ({ id }, flow) => ({ ...(await covered.readExact(id, flow)), ...(again !== undefined && { again }) }),
      ...(seconds > 0 && { hold: { seconds, onGone: (gone: () => void) => arrival.reply.whenClosed(gone) } }),
      carryOut({ decided }, lease, flow) {
        const { operation, prefix, body } = covered.toSend()
        const readAnswer = readerFor(operation, decided)
        return forward({ operation, arrival, hasBody: hasBody(arrival, bare), prefix, body, readAnswer }, lease, flow)
      },
    })
    const served = await serving.finally(covered.close)
    return { served, seen, state: connector?.retry && stateFor(served, covered.asked()) }
  }

  function stateFor(served: Served, asked: Exact | undefined): string | undefined {
    if (asked === undefined || !('refusal' in served)) return undefined
    const { code, approval, isOwn } = served.refusal
    if (code !== 'needs_approval' || approval === undefined || !isOwn) return undefined
    const { id: approvalId, taskId, expiresAt } = approval
    return verbs.sealRetry({ approvalId, taskId, digest: asked.digest, expiresAt })
  }

  function describe(operation: Operation, target: Target | undefined, task: Task): { target: Target; action: Action } {
    if (target === undefined) throw unknownTarget(operation)
    const { sessionField, stateParameter } = verbs.connectorOf(target)
    const action = verbs.connectorOf(target).describe(operation, target)
    if (sessionField !== undefined) sessions.check(operation.headers[sessionField], { target, task })
    if (stateParameter !== undefined) states.check(action.parameters[stateParameter], { target, task })
    changedTools.check(target, action)
    return { target, action }
  }

  /** For a target whose connector reads answers or knows how to undo, or whose sessions are a task's own. */
  function readerFor(asked: Operation, decided: Decided): Order['readAnswer'] {
    const { target, task, action, correlationId } = decided
    if (target === undefined || task === undefined) return undefined
    const { readAnswer, sessionField, undoOf } = verbs.connectorOf(target)
    if (undoOf !== undefined && action.access !== 'read')
      return (start) => undoOf({ ...start, asked }, action, (undo) => verbs.noteUndo(decided, asked, undo))
    if (readAnswer === undefined && sessionField === undefined) return undefined
    const noteHeldBack = (what: string): void => verbs.noteHeldBack(correlationId, what)
    return (start) => {
      if (sessionField !== undefined && start.status < 300) sessions.bind(start.headers[sessionField], { target, task })
      return readAnswer?.({ ...start, asked }, target, {
        foresee: (action) => verbs.foresee(decided, action),
        setChanged: (action, isChanged) => changedTools.set(target, action, isChanged),
        noteHeldBack,
        bindState: (name) => states.bind(name, { target, task }),
        answerBack: (message) => start.answerBack(message, (why) => noteHeldBack(`its server could not be told so: ${why}`)),
      })
    }
  }
}

/** No target declares this place; the detail names what would allow it. */
export function unknownTarget(place: Pick<Operation, 'scheme' | 'host' | 'port'>): StintError {
  const origin = `${place.scheme}://${authorityOf(place)}`
  return new StintError('target_unknown', `no target declares ${origin}; an operator can: stint target add NAME --host ${origin}`)
}

function proofOf(arrival: Arrival, operation: Operation): GatewayProof {
  const { caller } = arrival.connection
  if (caller !== undefined) return { kind: 'attached', caller }
  const url = `${operation.scheme}://${authorityOf(operation)}${operation.path}`
  return readDpop(operation.headers, 'proxy-authorization', operation.method, url)
}

/** Nothing of a body is read for those who show nothing. */
function isShown(proof: GatewayProof): boolean {
  return proof.kind === 'attached' || (proof.token !== '' && proof.dpop !== '')
}
