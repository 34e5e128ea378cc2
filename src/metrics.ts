import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Counters } from './audit/writer.ts'
import { CATALOGUE } from './errors.ts'
import type { Effect } from './model.ts'
import { createTimings } from './timings.ts'

/**
 * What is counted. Everyone may read it: totals alone. Labels take words of Stint's own only, never a name, so that nothing is told about
 * anyone and no caller can grow the number of series.
 */
export interface Metrics {
  /** One decided or refused request. A code that is not known counts as `other`. */
  request(effect: Effect | 'error', code: string): void
  /** One finding, by its kind. */
  finding(kind: string): void
  decisionSeconds(seconds: number): void
  /** One write of entries that waited together. */
  auditWriteSeconds(seconds: number): void
  /** Shows these at each scrape from now on. Once. */
  watch(levels: Levels): void
  readonly contentType: string
  /** The Prometheus text exposition. */
  text(): Promise<string>
}

/** What is true at the moment of a scrape, asked for then. */
export interface Levels {
  openFlows(): number
  liveTasks(): number
  pausedBudgets(): number
  leases(): number
  lateLeases(): number
  rotations(): { readonly late: number; readonly overdueSeconds: number }
  revocationsInForce(): number
  openGlasses(): number
  audit(): Counters
}

const DECISION_CODES = [
  ...['allowed', 'no_policy_permits', 'forbidden_by_policy', 'policy_error', 'unknown_obligation', 'out_of_scope'],
  ...['needs_approval', 'approved', 'approval_denied', 'approval_impossible', 'revoked'],
]
const KNOWN_CODES: ReadonlySet<string> = new Set([...Object.keys(CATALOGUE), ...DECISION_CODES])

/** Seconds. */
const DECISION_BOUNDS = [0.000005, 0.00002, 0.0001, 0.0005, 0.002, 0.01, 0.1]
const WRITE_BOUNDS = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 1]

/** The product's metrics in a registry of their own. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = countRequests(registers)
  const findings = new Counter({
    name: 'stint_findings_total',
    help: 'What was noticed about tasks.',
    labelNames: ['kind'],
    registers,
  })
  const decision = createTimings('stint_decision_seconds', 'Time to decide one request.', DECISION_BOUNDS)
  const write = createTimings(
    'stint_audit_write_seconds',
    'Time until the audit entries that waited together were durable.',
    WRITE_BOUNDS,
  )
  for (const timings of [decision, write]) registry.registerMetric(timings as never) // it types only metrics of its own
  return {
    request: (effect, code) => requests(effect, KNOWN_CODES.has(code) ? code : 'other'),
    finding: (kind) => findings.inc({ kind }),
    decisionSeconds: decision.add,
    auditWriteSeconds: write.add,
    watch: (levels) => watchLevels(levels, registers),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}

/** Counts by effect and code for prom-client to ask at a scrape, since to find a series by its labels takes it longer than all of this. */
function countRequests(registers: Registry[]): (effect: string, code: string) => void {
  const counts = new Map<string, Map<string, number>>()
  new Counter({
    name: 'stint_requests_total',
    help: 'Requests by effect and stable code.',
    labelNames: ['effect', 'code'],
    registers,
    collect() {
      this.reset()
      for (const [effect, codes] of counts) for (const [code, count] of codes) this.inc({ effect, code }, count)
    },
  })
  return (effect, code) => {
    const codes = counts.get(effect) ?? new Map<string, number>()
    counts.set(effect, codes.set(code, (codes.get(code) ?? 0) + 1))
  }
}

function watchLevels(levels: Levels, registers: Registry[]): void {
  const level = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  level('stint_open_flows', 'Exchanges, tunnels and streams open now.', levels.openFlows)
  level('stint_live_tasks', 'Tasks that are live now.', levels.liveTasks)
  level('stint_budgets_paused', 'Budgets that have too little left, and pause their tasks.', levels.pausedBudgets)
  level('stint_leases', 'Leases held now.', levels.leases)
  level('stint_leases_late', 'Minted credentials that should be dead and are not proved to be.', levels.lateLeases)
  level('stint_rotations_late', 'Credentials whose rotation is overdue or does not get on.', () => levels.rotations().late)
  level(
    'stint_rotation_overdue_seconds',
    'By how much the most overdue credential should have been rotated before.',
    () => levels.rotations().overdueSeconds,
  )
  level('stint_revocations_in_force', 'Revocations in force now.', levels.revocationsInForce)
  level('stint_glasses_open', 'Sealed credentials that are open now.', levels.openGlasses)
  level('stint_audit_waiting', 'Audit entries that are not durable yet.', () => levels.audit().waiting)
  const total = (name: string, help: string, read: () => number): Counter =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  total('stint_audit_entries_total', 'Audit entries that are durable.', () => levels.audit().entries)
  total('stint_audit_published_total', 'Audit entries under a signed checkpoint.', () => levels.audit().published)
  total('stint_audit_writes_total', 'Writes of audit entries.', () => levels.audit().batches)
  total('stint_audit_outages_total', 'Times the audit log could not be written.', () => levels.audit().outages)
  total('stint_audit_refused_total', 'Audit entries refused while the log could not be written.', () => levels.audit().refused)
}
