import { createHash } from 'node:crypto'
import { createAfford } from './afford.ts'
import { webhookPeople } from './approval-webhooks.ts'
import { openApprovals } from './approvals/approvals.ts'
import { createRetryStates } from './approvals/retry-state.ts'
import { openLog } from './audit/log.ts'
import { createRecorder, type Recorder } from './audit/record.ts'
import { openSearch } from './audit/search.ts'
import { createSettle } from './audit/settle.ts'
import { catalogued } from './catalogued.ts'
import type { Config } from './config.ts'
import { CONNECTORS } from './credentials/connectors/index.ts'
import type { LeaseRecord } from './credentials/lease-record.ts'
import { createLeaseSeal } from './credentials/lease-seal.ts'
import { type Leases, openLeases } from './credentials/leases.ts'
import type { Minting } from './credentials/minting.ts'
import { createObtain, type ObtainVerbs } from './credentials/obtain.ts'
import { placesOf } from './credentials/rotation/check-recipe.ts'
import type { RotationRecord } from './credentials/rotation/rotation-record.ts'
import { openRotations } from './credentials/rotation/rotations.ts'
import type { RotationAct } from './credentials/rotation/turning.ts'
import type { LeaseStep } from './credentials/undertaker.ts'
import { openVault } from './credentials/vault.ts'
import type { Finding } from './detections/finding.ts'
import { openFindings } from './detections/findings.ts'
import { StintError } from './errors.ts'
import { openCa } from './gateway/ca.ts'
import { createDial, type Dial } from './gateway/dial.ts'
import { createGetJson } from './gateway/get-json.ts'
import { createIo } from './gateway/io.ts'
import { openGlass } from './glass/glass.ts'
import { glassVerbs } from './glass-verbs.ts'
import { gatewayId, openAuditKey, placesIn, refuseToMakeKeys } from './home.ts'
import { createDpop } from './identity/dpop.ts'
import { ISSUERS } from './identity/issuers/index.ts'
import { createIssuers } from './identity/registry.ts'
import { openTokens } from './identity/tokens.ts'
import { createUsedProofs } from './identity/used-proofs.ts'
import { createUsedTokens } from './identity/used-tokens.ts'
import { createVerify } from './identity/verify.ts'
import { openKeySources } from './key-sources.ts'
import type { Log } from './log.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import type { About, Target, Task } from './model.ts'
import { digestOf } from './policy/digest.ts'
import { openPolicy } from './policy/policy.ts'
import { findStarterChanges, installStarter } from './policy/starter.ts'
import { readPrivate } from './private-file.ts'
import { createPrograms } from './programs/programs.ts'
import { createFlows } from './revocations/flows.ts'
import { openRevocations } from './revocations/revocations.ts'
import { createInsideCheck } from './run/inside.ts'
import { findServerCell, type Wrap } from './run/server-cell.ts'
import type { Membership } from './store/gateways.ts'
import { createIdempotency } from './store/idempotency.ts'
import { openState } from './store/open-state.ts'
import type { Store } from './store/store.ts'
import { createTargets } from './targets/targets.ts'
import type { Short } from './tasks/budgets.ts'
import { type Gain, openLabels } from './tasks/labels.ts'
import { createTasks } from './tasks/tasks.ts'

/** Every room of a data directory, open. main.ts joins them. */
export type Rooms = Awaited<ReturnType<typeof openRooms>>

/** What every opening is given: settings, the operator's log, the clock, and where to leave what must be closed. */
export interface Opening {
  readonly config: Config
  readonly log: Log
  now(): number
  /** Closed in the reverse order of opening. */
  onClose(closer: () => unknown): void
  /** For failures that nobody waits for. */
  report(thrown: unknown): void
}

/** What processes that share a database must have the same; `vault.key` where it is a file is known by its records. */
const KEY_FILES = ['token.key', 'ca.key', 'ca.pem']

/** Opens the rooms in the order they need each other. Throws StintError or AuditError. */
export async function openRooms(opening: Opening) {
  const { config, now, onClose } = opening
  const places = placesIn(config.home)
  const metrics = createMetrics()
  const happened = await openAudit(opening, metrics)
  const { store, gateways } = await openStore(opening)
  refuseToMakeKeys(config.home, KEY_FILES, await gateways.others())
  const tasks = await createTasks(store, { ...config, now, gateways, report: opening.report })
  onClose(() => tasks.close())
  const labels = await openLabels(store, {
    ...{ ancestors: tasks.ancestors, isLive: (id) => tasks.live(id) !== undefined, confirm: gateways.confirm, now },
    told: (gain) => tellGain(happened.recorder, gain),
  })
  const findings = await openFindings(store, {
    actions: config.detections ?? {},
    live(taskId) {
      const task = tasks.live(taskId)
      return task && { task, ancestors: tasks.ancestors(task) }
    },
    told: (finding) => tellFinding(opening, { ...happened, metrics }, finding),
    ...{ now, report: opening.report },
  })
  const dial = createDial({ connectTimeoutMs: config.connectTimeoutSeconds * 1000 })
  const vault = await openVault(store, await openKeySources(config, dial, opening.log))
  const flows = createFlows(tasks.ancestors)
  let cell: Promise<Wrap> | undefined
  const revocations = await openRevocations(store, now, tasks.ancestors)
  const targets = await createTargets(store, CONNECTORS)
  const approvals = await openApprovals(store, {
    ...{ now, roles: config.approvers, seconds: config.approvalSeconds },
    most: { times: config.approvalMostTimes, minutes: config.approvalMostMinutes },
    webhooks: webhookPeople(config),
    ...escalationOf(config),
  })
  const leases = await openLeases(store, {
    ...leaseVerbs(opening, happened.recorder, dial),
    ...createLeaseSeal(await vault.innerKey('leases')),
    ...{ standing: vault.open, targets: targets.list, ancestors: tasks.ancestors },
    ...{ self: gateways.self, others: gateways.others },
  })
  onClose(() => leases.close())
  const rotations = openRotations(store, {
    ...rotationVerbs(opening, happened.recorder, dial),
    ...createLeaseSeal(await vault.innerKey('rotations')),
    ...{ vault, target: targets.get, self: gateways.self, others: gateways.others, everyoneHas: gateways.confirm },
  })
  onClose(() => rotations.close())
  const glass = await openGlass(
    store,
    glassVerbs({
      ...{ approvals, roles: config.approvers, findings, gateways, log: opening.log, recorder: happened.recorder },
      ...{ rotations, targets, tasks, vault, dial, now, report: opening.report },
    }),
  )
  store.watch('approval', glass.heardAnswers)
  onClose(() => glass.stop())
  const usableUntil: ObtainVerbs['usableUntil'] = (about) => {
    const passage = glass.look(about)
    if (passage?.isOpen === false) throw new StintError('sealed', passage.why)
    return passage?.closesAt ?? Number.POSITIVE_INFINITY
  }
  const isAllowed = (about: About): boolean =>
    tasks.live(about.task.id) !== undefined && revocations.covering(about) === undefined
  const afford = createAfford({
    budgets: tasks.budgets,
    ...{ above: tasks.above, consent: approvals.consent },
    withdraw: (binding) => approvals.withdraw(binding).catch(opening.report),
    recordRaise: (task, short, reason) => tellRaise(happened.recorder, task, short, reason),
  })
  const issue: Leases['issue'] = async (asking) => {
    await afford.mint(asking)
    return leases.issue(asking)
  }
  const credentials = createObtain({
    ...{ vault, connectors: CONNECTORS, leases: { ...leases, issue }, isAllowed, usableUntil, now, report: opening.report },
  })
  const programs = createPrograms({
    ...{ now, silenceMs: config.headersTimeoutSeconds * 1000, findConfine: () => (cell ??= serverCell(opening)) },
    note: ({ taskId: task, targetId: target }, what) => opening.log.info({ task, target }, `a target’s program: ${what}`),
    openFlow({ taskId, targetId }) {
      const task = tasks.live(taskId)
      if (task === undefined) return undefined
      const { workload: id, proof } = task
      const caller = { id, proof, issuer: 'stint', actors: [...tasks.ancestors(task)], claims: {} }
      return flows.open({ caller, task, target: targets.get(targetId) })
    },
  })
  onClose(programs.close)
  metrics.watch({
    openFlows: () => flows.size,
    pausedBudgets: () => tasks.budgets.paused,
    liveTasks: () => tasks.under({ kind: 'all' }).length,
    leases: () => credentials.leases().length,
    lateLeases: () => leases.counts().late,
    rotations: rotations.lateness,
    revocationsInForce: () => revocations.size,
    openGlasses: glass.countOpen,
    audit: () => happened.audit.counters(),
  })
  return {
    ...happened,
    ...(await openIdentity(opening, { store, gateways, onRejected: findings.rejectedProof }, dial)),
    ...{
      gateways,
      metrics,
      tasks,
      labels,
      findings,
      vault,
      credentials,
      leases,
      rotations,
      targets,
      flows,
      revocations,
      approvals,
      retryStates: createRetryStates(await vault.innerKey('approvals'), now),
      glass,
      afford,
      dial,
      programs,
      store,
    },
    idempotency: createIdempotency(store, now),
    policy: await openPolicies(opening, (hash) => happened.recorder.recordSystem('policy_reloaded', hash)),
    ca: await openCa(places.ca, { now }),
  }
}

/** What approvals/ needs of the setting. */
function escalationOf({ approvalEscalation: setting }: Config) {
  return setting === undefined ? {} : { escalation: { role: setting.role, afterMs: setting.minutes * 60_000 } }
}

/** A budget that people raised, in the log before it is. */
async function tellRaise(recorder: Pick<Recorder, 'recordAct'>, { id: task, owner }: Task, raised: Short, reason: string) {
  const act = { action: 'stint:Task::raise', task, owner, subject: `tasks/${task}/budget`, reason }
  const details = { [raised.unit]: String(raised.wants) }
  await recorder.recordAct({ ...act, details }).catch((thrown) => Promise.reject(catalogued(thrown)))
}

/** What a task has touched, in the log. */
async function tellGain(recorder: Pick<Recorder, 'recordAct'>, { label, correlationId, task, owner, target }: Gain) {
  const act = { action: 'stint:Task::touch', correlationId, task, owner, target, subject: label }
  await recorder.recordAct(act).catch((thrown) => Promise.reject(catalogued(thrown)))
}

function tellFinding(
  { log, report }: Opening,
  { metrics, recorder }: { metrics: Metrics; recorder: Pick<Recorder, 'recordAct'> },
  { id, kind, taskId: task, targetId: target, detail: reason, revoked }: Finding,
): void {
  log.warn({ finding: id, kind, task, target, revoked }, reason)
  metrics.finding(kind)
  const details = { finding: id, ...(revoked && { action: 'revoke' }) }
  recorder.recordAct({ action: 'stint:Finding::report', task, target, subject: kind, reason, details }).catch(report)
}

/** A name for each thing that must be equal in all processes that share a state: digests and ids, never a key. Throws `state_unsafe`. */
export async function sharedNames({ tokens, ca }: Rooms, { home, issuer, trustDomain, vaultKeySource }: Config) {
  const vaultKey = vaultKeySource === 'file' ? await readPrivate(placesIn(home).vaultKey) : undefined
  return {
    issuer,
    trustDomain,
    ...(vaultKey !== undefined && { 'vault.key': vaultKey.slice(0, vaultKey.indexOf(' ')) }),
    'token.key': tokens
      .jwks()
      .keys.map(({ kid }) => kid)
      .join(' '),
    'ca.key and ca.pem': createHash('sha256').update(ca.certificatePem).digest('hex'),
  }
}

/** The way out of those that mint, and who hears of what becomes of a lease. */
function leaseVerbs({ now, report }: Opening, recorder: Pick<Recorder, 'recordAct'>, dial: Dial) {
  return {
    ...{ connectors: CONNECTORS, now, report },
    io: (target: Target, { places }: Minting) => createIo(dial, [...target.hosts, ...(places?.(target) ?? [])], target, now),
    told(step: LeaseStep, { id, taskId: task, owner, target, why, state, attempts, lastError }: LeaseRecord) {
      const details = { state, attempts: String(attempts), ...(lastError !== undefined && { lastError }) }
      const act = { action: `stint:Lease::${step}`, task, owner, target: target.id, subject: id, reason: why, details }
      recorder.recordAct(act).catch(report)
    },
  }
}

/** The way out of a rotation, and its acts in the log before they are done. */
function rotationVerbs({ now, report }: Opening, recorder: Pick<Recorder, 'recordAct'>, dial: Dial) {
  return {
    ...{ now, report },
    io: ({ target, recipe }: Pick<RotationRecord, 'target' | 'recipe'>) =>
      createIo(dial, [...target.hosts, ...placesOf(recipe)], target, now),
    async told(step: RotationAct, { id, credentialId, target, startedBy, state, why, unaccounted, newId }: RotationRecord) {
      const facts = { state, startedBy, ...(newId !== undefined && { newId }), ...(unaccounted !== undefined && { unaccounted }) }
      const details = { credential: credentialId, ...facts }
      const act = { action: `stint:Rotation::${step}`, target: target.id, subject: id, reason: why, details }
      await recorder.recordAct(act).catch((thrown) => Promise.reject(catalogued(thrown)))
    },
  }
}

/** Where no sandbox is to be had, the operator's log says so, and a program has what the operator has. */
async function serverCell({ config, log }: Opening): Promise<Wrap> {
  const found = await findServerCell(process.env.PATH ?? '', config.home)
  if (typeof found !== 'string') return found
  log.warn(`programs that are targets run without a sandbox and could read Stint's data directory: ${found}`)
  return (command) => command
}

async function openStore({ config, log, onClose }: Opening): Promise<{ store: Store; gateways: Membership }> {
  const { databaseUrl, cutOffSeconds, home } = config
  const state = await openState(
    { path: placesIn(home).database, databaseUrl },
    {
      self: gatewayId(home),
      boundMs: cutOffSeconds * 1000,
      onOutage({ isOver, why: err }) {
        if (isOver) log.info('the shared database is heard from again')
        else log.error({ err }, `the shared database is not heard from; after ${cutOffSeconds} s everything is refused`)
      },
    },
  )
  onClose(() => state.store.close())
  onClose(() => state.gateways.leave())
  return state
}

async function openAudit({ config, log, now, onClose, report }: Opening, { auditWriteSeconds: onWritten }: Metrics) {
  const { audit: directory, auditKey } = placesIn(config.home)
  const audit = await openLog(directory, {
    signer: { name: `${config.trustDomain}/stint`, privateKey: await openAuditKey(auditKey) },
    now,
    onWritten,
    onFailure: (error) => log.error({ err: error }, 'the audit log cannot be written; requests are refused until it can'),
  })
  onClose(() => audit.close().catch(report))
  return {
    audit,
    recorder: createRecorder(audit, { now, digest: digestOf }),
    settle: createSettle(audit, { now }),
    search: openSearch(audit),
  }
}

async function openIdentity(
  { config, now }: Opening,
  { store, gateways, onRejected }: Awaited<ReturnType<typeof openStore>> & { onRejected(taskId: string, why: string): void },
  dial: Dial,
) {
  const { issuer, clockSkewSeconds: skewSeconds, trustDomain } = config
  const issuers = await createIssuers(store)
  const options = { issuer, audience: issuer, ttlSeconds: config.taskTokenSeconds, skewSeconds, now }
  const tokens = await openTokens(placesIn(config.home).tokenKey, options)
  const inside = createInsideCheck()
  const identity = createVerify({
    ...{ tokens, issuers, trustDomain, kinds: ISSUERS, insideTask: inside.isInside, onRejected },
    dpop: createDpop({ skewSeconds, now, ...(gateways.isShared && { shared: createUsedProofs(store, gateways, now) }) }),
    used: createUsedTokens(store, now),
    io: {
      getJson: (url, reach) => createGetJson(dial, { ...reach, allowHttp: reach.privateNetworks.length > 0 })(url),
      ...{ now, skewSeconds },
    },
  })
  return { issuers, tokens, inside, identity }
}

async function openPolicies({ config, log, onClose, report }: Opening, onReload: (hash: string) => Promise<unknown>) {
  const { policies } = placesIn(config.home)
  await installStarter(policies)
  const policy = await openPolicy(policies, {
    onError: (error) => log.error({ err: error }, 'policy'),
    onReload: ({ policySetHash }) => void onReload(policySetHash).catch(report),
  })
  onClose(() => policy.close())
  const changes = await findStarterChanges(policies)
  if (changes.length > 0) log.warn({ changes }, 'the starter policies changed, and yours did not: see `stint policy starter`')
  return policy
}
