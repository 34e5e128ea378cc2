import { monitorEventLoopDelay } from 'node:perf_hooks'
import { preparsePolicySet, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs'
import type { AuthzRequest } from '../src/model.ts'
import { makePolicySetApart } from '../src/policy/apart.ts'
import { createDecider, type Decider } from '../src/policy/decide.ts'
import { readPolicyFiles } from '../src/policy/directory.ts'
import { entitiesOf } from '../src/policy/entities.ts'
import type { PolicyFile, PolicySet } from '../src/policy/policy-set.ts'
import { requestOnTarget } from '../src/policy/request.ts'
import { STARTER_DIRECTORY } from '../src/policy/starter.ts'
import { quantile, type Row } from './row.ts'

const POLICIES = 10_000
const TARGETS = 500
/** Slices that the samples go round in; each is parsed by Cedar at its first decision. */
const VISITED = 100
const SAMPLES = 3000
/** Decisions before any is measured, so that the engine has compiled what is hot. */
const WARM_UP = 15_000
const NOON = Date.UTC(2026, 0, 6, 12)

/** Decisions among 10,000 policies: the starter ones, and rules of workloads and branches on 500 targets. */
export async function bench(): Promise<readonly Row[]> {
  const files = await policyFiles()
  const delay = monitorEventLoopDelay({ resolution: 2 })
  delay.enable()
  const started = performance.now()
  const set = await makePolicySetApart(files)
  const loadSeconds = (performance.now() - started) / 1000
  delay.disable()
  if ('problems' in set) throw new Error(JSON.stringify(set.problems.slice(0, 3)))
  const decider = createDecider(set, (error) => {
    throw error
  })
  const first = timeEach(VISITED, (n) => decider.decide(requestOn(n, 'first')))
  timeEach(WARM_UP, (n) => decider.decide(requestOn(n % VISITED, `warm-up-${n}`)))
  const cold = timeEach(SAMPLES, (n) => decider.decide(requestOn(n % VISITED, `b${n}`)))
  const plain = plainly(set, files)
  checkAgreement(decider, plain)
  return [
    row('decision, 10,000 policies, cold decision cache, p50', quantile(cold, 0.5), 'µs', 150),
    row('decision, 10,000 policies, warm, p50', timeWarm(decider), 'µs', 5),
    row('decision, 10,000 policies, first of its slice (Cedar parses it), p50', quantile(first, 0.5), 'µs', 10_000),
    baseline(
      'decision, 10,000 policies, plain Cedar over all of them, p50',
      quantile(
        timeEach(20, (n) => plain(requestOn(n, 'x'))),
        0.5,
      ),
      'µs',
    ),
    row('policy reload, 10,000 policies, longest pause of the gateway', delay.max / 1e6, 'ms', 100),
    baseline('policy reload, 10,000 policies, in all', loadSeconds, 's'),
  ]
}

function row(name: string, value: number, unit: string, most: number): Row {
  return { name, value, unit, bar: `≤ ${most.toLocaleString('en')} ${unit}`, holds: value <= most }
}

function baseline(name: string, value: number, unit: string): Row {
  return { name, value, unit, bar: 'for comparison', holds: true }
}

async function policyFiles(): Promise<PolicyFile[]> {
  const starter = await readPolicyFiles(STARTER_DIRECTORY)
  const count = POLICIES - starter.reduce((sum, { text }) => sum + text.split('@id(').length - 1, 0)
  const rules = Array.from({ length: count }, (_, n) => ruleOf(n))
  return [...starter, { name: 'rules.cedar', text: rules.join('\n') }]
}

/** Twenty rules for each target: one of a branch for everybody, the others of one workload each. */
function ruleOf(n: number): string {
  const target = `Target::"t${n % TARGETS}"`
  const turn = Math.floor(n / TARGETS)
  if (turn === 0) {
    return `@id("r${n}") forbid (principal, action in Action::"write", resource == ${target}) when { context.parameters.contains("ref=refs/heads/main") };`
  }
  return `@id("r${n}") permit (principal == Workload::"w${turn}", action in Action::"write", resource == ${target}) when { context.taskLabels.contains("l${n}") };`
}

/** A write by the target's first workload; `branch` is read by a rule, so that a new one is a new input. */
function requestOn(target: number, branch: string): AuthzRequest {
  const id = `t${target}`
  const caller = { id: 'w1', proof: 'sandbox', issuer: 'stint', taskId: 'task_1', actors: [], claims: {} } as const
  const task = {
    id: 'task_1',
    purpose: 'measure',
    owner: 'ada@example.com',
    workload: 'w1',
    proof: 'sandbox',
    keyThumbprint: 'thumb',
    scope: { targets: [id], actions: ['git:*'] },
    labels: ['l1'],
    startedAt: NOON,
    expiresAt: NOON,
    state: 'live',
    supervised: true,
  } as const
  const place = { environment: 'development', sensitivity: 'internal', labels: [] } as const
  const where = { id, connector: 'git', hosts: [], ...place, privateNetworks: [], placement: { kind: 'none' } } as const
  const action = { id: 'git:push', access: 'write', resource: 'acme/app', parameters: { ref: [`refs/heads/${branch}`] } } as const
  return requestOnTarget(caller, task, where, action, NOON)
}

/** Microseconds of each call; the request is made beforehand. */
function timeEach(times: number, run: (n: number) => unknown): number[] {
  return Array.from({ length: times }, (_, n) => {
    const started = performance.now()
    run(n)
    return (performance.now() - started) * 1000
  })
}

/** Microseconds of a decision that is remembered: the median over batches, each too short to be interrupted often. */
function timeWarm(decider: Decider): number {
  const requests = Array.from({ length: VISITED }, (_, n) => requestOn(n, 'warm'))
  const batches = timeEach(SAMPLES, () => {
    for (const request of requests) decider.decide(request)
  })
  return quantile(batches, 0.5) / VISITED
}

/** Cedar as it comes: everything parsed beforehand, all policies asked. Answers whether it allows. */
function plainly(set: PolicySet, files: readonly PolicyFile[]): (request: AuthzRequest) => boolean {
  const parsed = preparsePolicySet('bench', { staticPolicies: files.map(({ text }) => text).join('\n') })
  if (parsed.type !== 'success' || set.policies.length !== POLICIES) throw new Error('the bench has not the policies it says')
  return (request) => {
    const answer = statefulIsAuthorized({
      principal: request.principal,
      action: { type: 'Action', id: request.action },
      resource: request.resource,
      context: request.context as Record<string, never>,
      entities: entitiesOf(request),
      preparsedPolicySetId: 'bench',
      validateRequest: false,
    })
    return answer.type === 'success' && answer.response.decision === 'allow'
  }
}

/** A bench of something that answers wrongly would be worth nothing. */
function checkAgreement(decider: Decider, plain: (request: AuthzRequest) => boolean): void {
  for (const branch of ['main', 'feature']) {
    const request = requestOn(7, branch)
    const allowed = decider.decide(request).effect === 'allow'
    if (allowed !== plain(request) || allowed !== (branch === 'feature')) throw new Error(`wrong answer on ${branch}`)
  }
}
