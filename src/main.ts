import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { createAuthorize } from './acts.ts'
import { createApi } from './api/server.ts'
import { apiVerbs } from './api-verbs.ts'
import { AuditError } from './audit/error.ts'
import { openLog } from './audit/log.ts'
import { createRecorder } from './audit/record.ts'
import { openSearch } from './audit/search.ts'
import { createSettle } from './audit/settle.ts'
import { createBroker } from './broker.ts'
import type { Config } from './config.ts'
import { CONNECTORS } from './credentials/connectors/index.ts'
import { createObtain } from './credentials/obtain.ts'
import { openVault } from './credentials/vault.ts'
import { asStintError, StintError } from './errors.ts'
import { openCa } from './gateway/ca.ts'
import { createDial } from './gateway/dial.ts'
import { createGateway, type GatewayProof } from './gateway/gateway.ts'
import { createGetJson } from './gateway/get-json.ts'
import { openAuditKey, placesIn, prepareHome } from './home.ts'
import { becomeUndumpable, descriptorOf, peerPid } from './host/native.ts'
import { createDpop } from './identity/dpop.ts'
import { ISSUERS } from './identity/issuers/index.ts'
import { createIssuers } from './identity/registry.ts'
import { openTokens } from './identity/tokens.ts'
import { createVerify } from './identity/verify.ts'
import { createKillswitch } from './killswitch.ts'
import type { Log } from './log.ts'
import { createMetrics } from './metrics.ts'
import type { Caller, Task } from './model.ts'
import { installStarter } from './policy/directory.ts'
import { openPolicy } from './policy/policy.ts'
import { createFlows } from './revocations/flows.ts'
import { openRevocations } from './revocations/revocations.ts'
import { createInsideCheck } from './run/inside.ts'
import { createIdempotency } from './store/idempotency.ts'
import { holdLock } from './store/lock.ts'
import { openStore } from './store/store.ts'
import { createTargets } from './targets/targets.ts'
import { createTasks } from './tasks/tasks.ts'

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
  const closers: (() => unknown)[] = [holdLock(placesIn(config.home).lock)]
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const { api, gateway } = await open(config, log, (closer) => closers.push(closer))
    return { api, gateway, close }
  } catch (thrown) {
    await close()
    throw asStopped(thrown)
  }
}

async function open(
  config: Config,
  log: Log,
  onClose: (closer: () => unknown) => void,
): Promise<{ api: string; gateway: string }> {
  const places = placesIn(config.home)
  const now = Date.now
  const report = (thrown: unknown): void => log.error({ err: thrown }, 'something nobody waited for failed')

  // What happened, and what is known.
  const audit = await openLog(places.audit, {
    signer: { name: `${config.trustDomain}/stint`, privateKey: openAuditKey(places.auditKey) },
    now,
    onFailure: (error) => log.error({ err: error }, 'the audit log cannot be written'),
  })
  onClose(() => audit.close().catch(report))
  const recorder = createRecorder(audit, { now })
  const settle = createSettle(audit, { now })
  const search = openSearch(audit)
  const store = await openStore(places.database)
  onClose(() => store.close())

  // Who, for what, on what, with what, and what is denied.
  const tasks = await createTasks(store, { ...config, now, report })
  onClose(() => tasks.close())
  const targets = await createTargets(store, Object.keys(CONNECTORS))
  const vault = await openVault(store, places.vaultKey)
  const credentials = createObtain({ vault, connectors: CONNECTORS, now })
  const flows = createFlows(tasks.ancestors)
  const revocations = await openRevocations(store, now, tasks.ancestors)
  const inside = createInsideCheck()
  await installStarter(places.policies)
  const policy = await openPolicy(places.policies, {
    onError: (error) => log.error({ err: error }, 'policy'),
    onReload: (status) => void recorder.recordSystem('policy_reloaded', status.policySetHash).catch(report),
  })
  onClose(() => policy.close())

  const dial = createDial({ connectTimeoutMs: config.connectTimeoutSeconds * 1000 })
  const issuers = await createIssuers(store)
  const tokens = await openTokens(places.tokenKey, {
    issuer: config.issuer,
    audience: config.issuer,
    ttlSeconds: config.taskTokenSeconds,
    skewSeconds: config.clockSkewSeconds,
    now,
  })
  const identity = createVerify({
    tokens,
    dpop: createDpop({ skewSeconds: config.clockSkewSeconds, now }),
    issuers,
    kinds: ISSUERS,
    io: {
      getJson: (url, reach) => createGetJson(dial, { ...reach, allowHttp: reach.privateNetworks.length > 0 })(url),
      now,
      skewSeconds: config.clockSkewSeconds,
    },
    trustDomain: config.trustDomain,
    insideTask: inside.isInside,
  })

  const metrics = createMetrics({
    openFlows: () => flows.size,
    liveTasks: () => tasks.under({ kind: 'all' }).length,
    leases: () => credentials.leases().length,
    revocationsInForce: () => revocations.size,
  })

  const liveTask = (caller: Caller): Task | undefined => {
    const task = caller.taskId === undefined ? undefined : tasks.live(caller.taskId)
    return task?.workload === caller.id && task.keyThumbprint === caller.keyThumbprint ? task : undefined
  }
  tasks.onEnd((task) => {
    flows.cut({ kind: 'task', id: task.id })
    credentials.drop({ kind: 'task', id: task.id })
    inside.forget(task.id)
    const facts = { action: 'task_ended', task: task.id, owner: task.owner, subject: task.workload, code: task.state }
    recorder.recordAct(task.endReason === undefined ? facts : { ...facts, reason: task.endReason }).catch(report)
  })

  // The request, and the stop.
  const broker = createBroker<GatewayProof>({
    verify: identity.verify,
    liveTask,
    open: flows.open,
    request: policy.request,
    decide(request, about) {
      const revocation = revocations.covering(about)
      if (revocation === undefined) return policy.decide(request)
      const reasons = [`revocation ${revocation.number} is in force: ${revocation.reason}`]
      return { effect: 'deny', policies: [], policySetHash: policy.status().policySetHash, code: 'revoked', reasons }
    },
    async record(decided) {
      metrics.request(decided.decision.effect, decided.decision.code)
      return unavailable(recorder.record(decided))
    },
    async recordAttempt(attempt) {
      metrics.request('error', attempt.code)
      return unavailable(recorder.recordAttempt(attempt))
    },
    obtain: credentials.obtain,
    settle,
    report: (correlationId, thrown) => {
      const error = asStintError(thrown)
      log[error.status >= 500 ? 'error' : 'info']({ correlationId, err: error }, 'refused')
    },
  })
  const killswitch = createKillswitch({
    deny: revocations.add,
    lift: revocations.lift,
    recordAct: (act) => unavailable(recorder.recordAct(act)),
    cut: flows.cut,
    tasksUnder: tasks.under,
    endTask: (id, reason) => tasks.end(id, 'revoked', reason),
    dropLeases: credentials.drop,
    report,
  })
  const authorize = createAuthorize({
    request: policy.requestOnStint,
    decide: policy.decide,
    recordAct: (facts) => unavailable(recorder.recordAct(facts)),
  })

  // Through where.
  const ca = await openCa(places.ca, { now })
  const gateway = createGateway(
    {
      serve: broker.serve,
      match: targets.match,
      isTunnel: targets.isTunnel,
      connectorOf: (target) => {
        const connector = Object.hasOwn(CONNECTORS, target.connector) ? CONNECTORS[target.connector] : undefined
        if (connector === undefined) throw new StintError('unknown_action', `no connector is called ${target.connector}`)
        return connector
      },
      attach: async (proof) => identity.verify(proof),
      openConnection(caller) {
        const task = liveTask(caller)
        if (task === undefined) throw new StintError('task_not_live', 'the task ended, expired or was revoked')
        return flows.open({ caller, task })
      },
    },
    {
      host: config.host,
      port: config.gatewayPort,
      maxConnections: config.maxConnections,
      headersTimeoutMs: config.headersTimeoutSeconds * 1000,
      clientHeadersTimeoutMs: CLIENT_HEADERS_MS,
      ca,
      dial,
    },
  )
  const gatewayPort = (await gateway.listen()).port
  onClose(() => gateway.close(config.drainSeconds))

  const startedAt = now()
  const addresses = { api: '', gateway: `http://${config.host}:${gatewayPort}` }
  const api = await createApi(
    apiVerbs({
      ...{
        audit,
        authorize,
        ca,
        config,
        credentials,
        dial,
        flows,
        identity,
        inside,
        issuers,
        killswitch,
        metrics,
        policy,
        recorder,
      },
      ...{ revocations, search, targets, tasks, tokens, vault },
      idempotency: createIdempotency(store, now),
      user: { name: userInfo().username, workload: `spiffe://${config.trustDomain}/local/${userInfo().username}` },
      addresses,
      startedAt,
      version: VERSION,
    }),
    { issuer: config.issuer, version: VERSION, log, now, peerPid: pidOf },
  )
  onClose(() => api.close(config.drainSeconds))
  const apiPort = (await api.listenTcp(config.host, config.apiPort)).port
  addresses.api = `http://${config.host}:${apiPort}`
  await api.listenSocket(places.socket)
  await recorder.recordSystem('started', `version ${VERSION}`)
  return addresses
}

function pidOf(socket: Socket): number | undefined {
  const descriptor = descriptorOf(socket)
  return descriptor === undefined ? undefined : peerPid(descriptor)
}

/** The log speaks of itself with its own error; everyone else knows `audit_unavailable` by the catalogue. */
async function unavailable<T>(writing: Promise<T>): Promise<T> {
  try {
    return await writing
  } catch (thrown) {
    if (!(thrown instanceof AuditError)) throw thrown
    throw new StintError(thrown.code, 'the decision cannot be recorded', { operatorDetail: thrown.message, cause: thrown })
  }
}

function asStopped(thrown: unknown): StintError {
  if (thrown instanceof AuditError) return new StintError(thrown.code, thrown.message, { cause: thrown })
  return asStintError(thrown)
}
