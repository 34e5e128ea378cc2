import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { CATALOGUE } from './errors.ts'
import type { Effect } from './model.ts'

/** What is counted. Labels take known words only, so that no caller can grow the number of series. */
export interface Metrics {
  /** One decided or refused request. A code that is not known counts as `other`. */
  request(effect: Effect | 'error', code: string): void
  decisionSeconds(seconds: number): void
  auditAppendSeconds(seconds: number): void
  readonly contentType: string
  /** The Prometheus text exposition. */
  text(): Promise<string>
}

/** What is true at the moment of a scrape, asked for then. */
export interface Levels {
  openFlows(): number
  liveTasks(): number
  leases(): number
  revocationsInForce(): number
}

const DECISION_CODES = [
  ...['allowed', 'no_policy_permits', 'forbidden_by_policy', 'policy_error', 'unknown_obligation', 'out_of_scope'],
  ...['needs_approval', 'revoked'],
]
const KNOWN_CODES: ReadonlySet<string> = new Set([...Object.keys(CATALOGUE), ...DECISION_CODES])

/** The product's metrics in a registry of their own. */
export function createMetrics(levels: Levels): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({
    name: 'stint_requests_total',
    help: 'Requests by effect and stable code.',
    labelNames: ['effect', 'code'],
    registers,
  })
  const decision = new Histogram({
    name: 'stint_decision_seconds',
    help: 'Time to decide one request.',
    buckets: [0.000005, 0.00002, 0.0001, 0.0005, 0.002, 0.01, 0.1],
    registers,
  })
  const append = new Histogram({
    name: 'stint_audit_append_seconds',
    help: 'Time until an audit entry was durable.',
    buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 1],
    registers,
  })
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
  level('stint_leases', 'Leases held now.', levels.leases)
  level('stint_revocations_in_force', 'Revocations in force now.', levels.revocationsInForce)
  return {
    request: (effect, code) => requests.inc({ effect, code: KNOWN_CODES.has(code) ? code : 'other' }),
    decisionSeconds: (seconds) => decision.observe(seconds),
    auditAppendSeconds: (seconds) => append.observe(seconds),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}
