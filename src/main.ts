import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { createAuthorize } from './acts.ts'
import { createApi } from './api/server.ts'
import { callTaskTool, TASK_TOOLS } from './api/task-tools.ts'
import type { ApiVerbs } from './api/verbs.ts'
import { apiVerbs } from './api-verbs.ts'
import { joinWebhooks } from './approval-webhooks.ts'
import { accessRequestOf } from './approvals/access-request.ts'
import { consentDecision } from './approvals/consent.ts'
import { createBroker } from './broker.ts'
import { catalogued } from './catalogued.ts'
import type { Config } from './config.ts'
import type { Connector } from './credentials/connector.ts'
import { CONNECTORS } from './credentials/connectors/index.ts'
import { describeHandOut } from './credentials/hand-out.ts'
import type { Cause } from './credentials/lease-record.ts'
import { manyMcp } from './credentials/protocols/many-mcp.ts'
import { serveTaskTools } from './credentials/task-server.ts'
import { spellUndo } from './credentials/undo.ts'
import { asStintError, StintError } from './errors.ts'
import { escalateApprovals } from './escalate-approvals.ts'
import { forgetApprovals } from './forget-approvals.ts'
import { createGateway, type Gateway, type GatewayProof } from './gateway/gateway.ts'
import type { Passage } from './glass/glass.ts'
import { holdHome } from './hold-home.ts'
import { placesIn, prepareHome } from './home.ts'
import { becomeUndumpable, descriptorOf, peerPid } from './host/native.ts'
import { createKillswitch, type Killswitch } from './killswitch.ts'
import type { Log } from './log.ts'
import type { Act, Caller, Decision, Outcome, Selector, Target, Task } from './model.ts'
import { digestOf } from './policy/digest.ts'
import type { History } from './policy/request.ts'
import { reconsider } from './reconsider.ts'
import { type Opening, openRooms, type Rooms, sharedNames } from './rooms.ts'
import { spellPlace, UNDOABLE } from './undo-plan.ts'

/** A running Stint. */
export interface Server {
  readonly api: string
  readonly gateway: string
  /** Stops taking requests, lets open ones finish for `drainSeconds`, makes everything durable. */
  close(): Promise<void>
}

const VERSION: string = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')).version
/** How long a client may take to send its header section. */
const CLIENT_HEADERS_MS = 15_000

/** Opens everything in the data directory, joins the rooms, listens. Throws StintError; then nothing is left open. */
export async function startServer(config: Config, log: Log): Promise<Server> {
  prepareHome(config.home)
  becomeUndumpable()
  process.on('SIGUSR1', () => undefined) // else Node opens its debugger, and with it every key, to the user's other programs
  const closers: (() => unknown)[] = [holdHome(config.home)]
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const report = (thrown: unknown): void => log.error({ err: thrown }, 'something that nobody waited for failed')
    const opening = { config, log, now: Date.now, report, onClose: (closer: () => unknown) => closers.push(closer) }
    const rooms = await openRooms(opening)
    endWithTheTask(rooms, report)
    tellPauses(rooms, opening)
    cutWhatIsWithdrawn(rooms)
    cutWhatIsNotAllowedNow(rooms)
    await rooms.gateways.join(await sharedNames(rooms, config))
    rooms.leases.start((taskId) => rooms.tasks.live(taskId) !== undefined)
    await rooms.rotations.start()
    await rooms.glass.start()
    return { ...(await listen(rooms, opening)), close }
  } catch (thrown) {
    await close()
    throw asStintError(catalogued(thrown))
  }
}

/** When a task ends, however it ends, what it had open and held is gone in the same tick. */
function endWithTheTask(
  { tasks, labels, approvals, findings, flows, credentials, glass, inside, recorder }: Rooms,
  report: (thrown: unknown) => void,
): void {
  tasks.onEnd(({ id, owner, workload, state, endReason: reason }) => {
    flows.cut({ kind: 'task', id })
    credentials.drop({ kind: 'task', id }, { why: reason ?? `the task ${state}` })
    glass.closeUnder({ kind: 'task', id }, reason ?? `the task ${state}`)
    inside.forget(id)
    labels.forget(id)
    findings.forget(id)
    const act = { action: 'stint:Task::end', task: id, owner, subject: workload, code: state, reason }
    recorder.recordAct(act).catch(report)
    approvals.close(id).catch(report)
  })
}

function tellPauses({ tasks, recorder }: Rooms, { log, report }: Opening): void {
  tasks.budgets.onPause(({ taskId: task, unit, limit, wants }) => {
    log.warn({ task, unit, limit, wants }, 'a task is paused: too little is left of its budget')
    const details = { unit, limit: String(limit), wants: String(wants) }
    recorder.recordAct({ action: 'stint:Task::pause', task, subject: `tasks/${task}/budget`, details }).catch(report)
  })
}

/** What a target or a revocation that another process wrote takes away is gone here before it counts as heard of; and all, if none can be. */
function cutWhatIsWithdrawn({ targets, revocations, gateways, flows, credentials, glass }: Rooms): void {
  const withdraw = (selector: Selector, cause: Cause): void => {
    flows.cut(selector)
    credentials.drop(selector, cause)
  }
  targets.onGone((id) => withdraw({ kind: 'target', id }, { why: 'its target was removed' }))
  revocations.onHeard(({ selector, number, reason }) =>
    withdraw(selector, { why: `revocation ${number}: ${reason}`, revocation: number }),
  )
  glass.onShut((id, why) => withdraw({ kind: 'credential', id }, { why }))
  gateways.onCutOff(() => flows.cut({ kind: 'all' }))
}

/** What a task touches, here or at another gateway, counts for what it has open too. */
function cutWhatIsNotAllowedNow(rooms: Rooms): void {
  const { labels, flows, policy } = rooms
  const verbs = {
    request: ({ caller, task, target, action }: Act, touched: readonly string[]) =>
      policy.request(caller, task, target, action, { ...historyOf(rooms, task), touched }),
    decide: policy.decide,
    cut: flows.cut,
  }
  labels.onGain(({ root, before, now, by }) => void reconsider(verbs, root, { before, now }, by))
}

async function listen(rooms: Rooms, opening: Opening): Promise<{ api: string; gateway: string }> {
  const { config, log, now, report, onClose } = opening
  const { policy, recorder } = rooms
  const addresses = { api: '', gateway: '' }
  const authorize = createAuthorize({
    request: policy.requestOnStint,
    decide: policy.decide,
    recordAct: (facts) => written(recorder.recordAct(facts)),
  })
  const killswitch = joinStop(rooms, report)
  revokeByFinding(rooms, killswitch, config.trustDomain)
  const { username: name } = userInfo()
  const user = { name, workload: `spiffe://${config.trustDomain}/local/${name}` }
  const budgetBounds = { usual: config.taskBudget, most: config.maxTaskBudget }
  const webhooks = joinWebhooks(rooms, opening)
  escalateApprovals(rooms, opening)
  forgetApprovals(rooms, opening)
  const askGateway: Gateway['ask'] = (request) => gateway.ask(request)
  const more = {
    askGateway,
    connectorOf,
    authorize,
    killswitch,
    webhooks,
    user,
    budgetBounds,
    addresses,
    startedAt: now(),
    version: VERSION,
  }
  const verbs = apiVerbs({ ...rooms, ...more })
  const gateway = joinGateway(rooms, { config, log, report }, joinRequest(rooms, log), verbs)
  onClose(() => gateway.close(config.drainSeconds))
  addresses.gateway = `http://${config.host}:${(await gateway.listen()).port}`
  const api = await createApi(verbs, {
    ...{ issuer: config.issuer, version: VERSION, log, now, peerPid: pidOf },
  })
  onClose(() => api.close(config.drainSeconds))
  addresses.api = `http://${config.host}:${(await api.listenTcp(config.host, config.apiPort)).port}`
  await api.listenSocket(placesIn(config.home).socket)
  await noteStart(rooms).catch(report) // a full disk refuses requests, not the start: state can still be read
  return addresses
}

/** From the first moment there is a checkpoint to hold the log against. */
async function noteStart({ audit, recorder }: Rooms): Promise<void> {
  await recorder.recordSystem('started', `version ${VERSION}`)
  await audit.checkpoint()
}

/** THE REQUEST: broker.ts over the rooms. */
function joinRequest(rooms: Rooms, log: Log) {
  const {
    identity,
    flows,
    policy,
    labels,
    findings,
    revocations,
    approvals,
    gateways,
    recorder,
    credentials,
    settle,
    metrics,
    afford,
    glass,
  } = rooms
  const deny = (code: string, reason: string): Decision => {
    return { effect: 'deny', policies: [], policySetHash: policy.status().policySetHash, code, reasons: [reason] }
  }
  return createBroker<GatewayProof>({
    verify: identity.verify,
    liveTask: (caller) => liveTask(rooms, caller),
    open: (act) => flows.open(act, afford.countOut(act)),
    request: (caller, task, target, action) => policy.request(caller, task, target, action, historyOf(rooms, task)),
    decide(request, about) {
      if (!gateways.isCurrent()) return deny('cut_off', 'this gateway has not heard about revocations for too long')
      const revocation = revocations.covering(about)
      const passage = glass.look(about)
      if (revocation === undefined && passage?.isOpen === false) return deny('sealed', passage.why)
      if (revocation === undefined)
        return noting(
          passage,
          timed(metrics.decisionSeconds, () => policy.decide(request)),
        )
      return deny('revoked', `revocation ${revocation.number} is in force: ${revocation.reason}`)
    },
    charge: afford.charge,
    refund: afford.refund,
    consent: (decided, exact) => consentDecision(approvals, { ...decided, digest: digestOf(decided.request) }, exact),
    answered: approvals.answered,
    touch({ task, target, action, correlationId }) {
      if (task !== undefined && target !== undefined) labels.touch({ task, target, action, correlationId })
    },
    keepTouched: ({ decided: { task } }) => task && labels.keep(task),
    record(decided) {
      metrics.request(decided.decision.effect, decided.decision.code)
      findings.decided(decided)
      return written(recorder.record(decided))
    },
    recordAttempt(attempt) {
      metrics.request('error', attempt.code)
      if (attempt.code === 'task_not_live' && attempt.caller?.taskId !== undefined) findings.usedAfterEnd(attempt.caller.taskId)
      return written(recorder.recordAttempt(attempt))
    },
    obtain: credentials.obtain,
    settle(permit, outcome, lease) {
      settle(permit, outcome, lease)
      if (lease !== undefined && isRefusedThere(outcome)) credentials.doubt(lease)
    },
    report(correlationId, thrown) {
      const error = asStintError(thrown)
      log[error.status >= 500 ? 'error' : 'info']({ correlationId, err: error }, 'refused')
    },
  })
}

/** What is decided under an opening says so in the log. */
function noting(passage: Passage | undefined, decision: Decision): Decision {
  if (passage?.isOpen !== true) return decision
  const note = `Break-glass: ${passage.openingId}.`
  const reasons = decision.effect === 'allow' ? [note, ...decision.reasons] : [...decision.reasons, note]
  return { ...decision, reasons }
}

/** The target took what it was shown for no credential of its own, or did not get as far. */
function isRefusedThere({ status, code }: Outcome): boolean {
  return status === 401 || status === 403 || code === 'upstream_failed'
}

/** THE STOP: killswitch.ts over the rooms. */
function joinStop(
  { revocations, gateways, recorder, flows, tasks, credentials, glass }: Rooms,
  report: (thrown: unknown) => void,
): Killswitch {
  return createKillswitch({
    deny: revocations.add,
    lift: revocations.lift,
    recordAct: (act) => written(recorder.recordAct(act)),
    gateways,
    cut(selector) {
      glass.closeUnder(selector, 'it was revoked')
      return flows.cut(selector)
    },
    tasksUnder: tasks.under,
    endTasks: (ids, reason) => tasks.endAll(ids, 'revoked', reason),
    dropLeases: credentials.drop,
    report,
  })
}

/** What a task's tree did before, from memory. */
function historyOf({ tasks, labels, findings }: Rooms, task: Task): History {
  const above = tasks.above(task)
  return { touched: labels.touched(task), raised: findings.raising(above.at(-1)?.id ?? task.id), above }
}

/** A finding that revokes does so by the kill switch, which records it with the finding as the reason. */
function revokeByFinding({ findings }: Rooms, killswitch: Killswitch, trustDomain: string): void {
  const by = { id: `spiffe://${trustDomain}/stint/detections` }
  findings.onRevoke(({ id, taskId, detail }) =>
    killswitch.revoke({ kind: 'task', id: taskId }, { by, reason: `${id}: ${detail}`, correlationId: id }),
  )
}

function connectorOf({ connector: kind }: Pick<Target, 'connector'>): Connector {
  const connector = Object.hasOwn(CONNECTORS, kind) ? CONNECTORS[kind] : undefined
  if (connector === undefined) throw new StintError('unknown_action', `no connector is called ${kind}`)
  return connector
}

function joinGateway(
  rooms: Rooms,
  { config, log, report }: Pick<Opening, 'config' | 'log' | 'report'>,
  { serve, refuseUndecided }: ReturnType<typeof joinRequest>,
  acts: ApiVerbs,
): Gateway {
  const { targets, identity, flows, ca, dial, programs, policy } = rooms
  return createGateway(
    {
      ...{ serve, refuseUndecided, report },
      match: targets.match,
      isTunnel: targets.isTunnel,
      describeHandOut({ plug, targetId, path }, { scope }) {
        const target = targets.list().find(({ id }) => id === targetId && scope.targets.includes(id))
        if (target === undefined) throw new StintError('scope_exceeded', `the task names no target ${targetId}`)
        return { target, action: describeHandOut(plug, { path, target, scope }, connectorOf(target)) }
      },
      connectorOf,
      foresee({ caller, task, target }, action) {
        if (task === undefined || target === undefined || rooms.glass.look({ task, target })?.isOpen === false) return 'deny'
        return policy.decide(policy.request(caller, task, target, action, historyOf(rooms, task))).effect
      },
      ...{ manyServers: manyMcp, issuer: config.issuer },
      serveTaskTools(operation, caller, correlationId) {
        needLiveTask(rooms, caller)
        const call = (tool: string, given: Readonly<Record<string, unknown>>) =>
          callTaskTool(acts, { tool, given, caller, correlationId })
        return serveTaskTools(operation, { list: TASK_TOOLS, call })
      },
      ...{ sealRetry: rooms.retryStates.seal, openRetry: rooms.retryStates.open },
      async approvalStatus(caller, { id, url, correlationId }) {
        const { id: own } = needLiveTask(rooms, caller)
        const asked = { action: 'stint:Task::approval', access: 'read', resource: `tasks/${own}/approvals/${id}` } as const
        const refusal = await acts.authorize({ ...asked, correlationId, caller, parameters: {}, record: false })
        return refusal === undefined ? { told: accessRequestOf(await rooms.approvals.ofTask(own, id), url) } : { refusal }
      },
      serversOf(caller) {
        const task = needLiveTask(rooms, caller)
        return targets.list().filter(({ id, connector }) => connector === 'mcp' && task.scope.targets.includes(id))
      },
      noteUndo: ({ correlationId, caller, task, target }, place, undo) => {
        const details = spellUndo(undo)
        if (details === undefined) return // the plan says that there is no way back
        const act = { action: UNDOABLE, correlationId, caller, task: task?.id, owner: task?.owner, target: target?.id }
        const facts = { ...act, details: { ...details, place: spellPlace(place) } }
        rooms.recorder.recordAct(facts).catch(report)
      },
      noteHeldBack: (correlationId, what) => log.warn({ correlationId }, `held back from an answer: ${what}`),
      async attach(proof) {
        const { caller, isExpired } = await identity.recognise(proof)
        if (isExpired && liveTask(rooms, caller) !== undefined)
          throw new StintError('invalid_token', 'the task token has expired; its task is live and has a newer one')
        return caller
      },
      openConnection(caller) {
        const task = needLiveTask(rooms, caller)
        return flows.open({ caller, task })
      },
    },
    {
      ...{ host: config.host, port: config.gatewayPort, maxConnections: config.maxConnections, ca, dial, programs },
      approvalBodyBytes: config.approvalBodyBytes,
      approvalSpoolBytes: config.approvalSpoolBytes,
      spoolDirectory: placesIn(config.home).spool,
      approvalWaitSeconds: config.approvalWaitSeconds,
      headersTimeoutMs: config.headersTimeoutSeconds * 1000,
      clientHeadersTimeoutMs: CLIENT_HEADERS_MS,
    },
  )
}

/** The live task whose token the caller presented; only for its workload and its key. */
function liveTask({ tasks }: Rooms, caller: Caller): Task | undefined {
  const task = caller.taskId === undefined ? undefined : tasks.live(caller.taskId)
  return task?.workload === caller.id && task.keyThumbprint === caller.keyThumbprint ? task : undefined
}

/** Throws `task_not_live`. */
function needLiveTask(rooms: Rooms, caller: Caller): Task {
  const task = liveTask(rooms, caller)
  if (task === undefined) throw new StintError('task_not_live', 'the task ended, expired or was revoked')
  return task
}

function pidOf(socket: Socket): number | undefined {
  const descriptor = descriptorOf(socket)
  return descriptor === undefined ? undefined : peerPid(descriptor)
}

function timed<T>(observe: (seconds: number) => void, work: () => T): T {
  const startedAt = performance.now()
  const result = work()
  observe((performance.now() - startedAt) / 1000)
  return result
}

/** A record durably written. What the log says of itself when it cannot be is for the operator alone. */
async function written<T>(writing: Promise<T>): Promise<T> {
  try {
    return await writing
  } catch (thrown) {
    throw catalogued(thrown, 'the decision cannot be recorded')
  }
}
