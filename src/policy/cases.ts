import { z } from 'zod'
import type { AuthzRequest, Decision, ProofKind, WorkloadProof } from '../model.ts'
import { NO_HISTORY, requestOnStint, requestOnTarget } from './request.ts'

/** A Tuesday at noon, so that no test depends on the day it runs. */
const NOON = '2026-01-06T12:00:00Z'

const words = z.array(z.string())
const pairs = z.record(z.string(), z.union([z.string(), words]))

const caller = z.strictObject({
  id: z.string().default('spiffe://stint.local/local/agent'),
  proof: z.enum(['operator-socket', 'webhook', 'sandbox', 'process-tree', 'run-secret', 'federated']).default('sandbox'),
  issuer: z.string().default('stint'),
  taskId: z.string().exactOptional(),
  actors: words.default([]),
  claims: z.record(z.string(), z.string()).default({}),
})
const task = z.strictObject({
  id: z.string().default('task_test'),
  purpose: z.string().default('a policy test'),
  owner: z.string().default('owner@example.com'),
  scope: z.strictObject({ targets: words.exactOptional(), actions: words.default(['*']) }).prefault({}),
  ticket: z.string().exactOptional(),
  labels: words.default([]),
  touched: words.default([]),
  parentId: z.string().exactOptional(),
  supervised: z.boolean().default(true),
})
const target = z.strictObject({
  id: z.string().default('system'),
  connector: z.string().default('http'),
  environment: z.enum(['production', 'staging', 'development', 'unknown']).default('development'),
  sensitivity: z.enum(['public', 'internal', 'confidential', 'restricted']).default('internal'),
  labels: words.default([]),
})
const action = z.strictObject({
  id: z.string(),
  access: z.enum(['read', 'write', 'destructive', 'admin']),
  resource: z.string().default('/'),
  parameters: pairs.default({}),
})
const policyCase = z.strictObject({
  name: z.string().min(1),
  request: z.strictObject({
    caller: caller.prefault({}),
    task: task.prefault({}),
    target: target.prefault({}),
    action,
    at: z.iso.datetime().default(NOON),
  }),
  expect: z.strictObject({
    effect: z.enum(['allow', 'deny', 'needs-approval']),
    code: z.string().exactOptional(),
    policies: words.exactOptional(),
  }),
})

/** One test of policies: a request, its gaps filled with harmless values, and the decision it must get. */
export type PolicyCase = z.output<typeof policyCase>

/** Reads the list of cases in a *.test.yaml file. Answers sentences saying what is wrong where it is not one. */
export function readCases(value: unknown): { readonly cases: readonly PolicyCase[] } | { readonly problems: readonly string[] } {
  const result = z.array(policyCase).safeParse(value)
  if (result.success) return { cases: result.data }
  return { problems: result.error.issues.map(({ path, message }) => `${sayPath(path)}${message}`) }
}

function sayPath(path: readonly PropertyKey[]): string {
  const [index, ...rest] = path
  if (index === undefined) return ''
  return `case ${Number(index) + 1}${rest.length === 0 ? '' : `, ${rest.join('.')}`}: `
}

/** The request of a case; an action `stint:…` is one on Stint itself. */
export function requestOf({ request }: PolicyCase): AuthzRequest {
  const { caller, target, action } = request
  const now = Date.parse(request.at)
  if (action.id.startsWith('stint:')) return requestOnStint(caller, action, now)
  const { scope, touched, ...facts } = request.task
  const task = {
    ...facts,
    scope: { targets: scope.targets ?? [target.id], actions: scope.actions },
    workload: caller.id,
    proof: isWorkload(caller.proof) ? caller.proof : ('run-secret' as const),
    keyThumbprint: '',
    startedAt: now,
    expiresAt: now,
    state: 'live' as const,
  }
  const where = { ...target, hosts: [], privateNetworks: [], placement: { kind: 'none' as const } }
  return requestOnTarget(caller, task, where, action, now, { ...NO_HISTORY, touched: touched.toSorted() })
}

function isWorkload(proof: ProofKind): proof is WorkloadProof {
  return proof !== 'operator-socket' && proof !== 'webhook'
}

/** One sentence for each expectation that the decision does not meet. */
export function compare({ expect }: PolicyCase, decision: Decision): string[] {
  const wrong: string[] = []
  const hold = (what: string, expected: string, got: string): void => {
    if (expected !== got) wrong.push(`${what} is ${got}, not ${expected}`)
  }
  hold('effect', expect.effect, decision.effect)
  if (expect.code !== undefined) hold('code', expect.code, decision.code)
  if (expect.policies !== undefined) hold('policies', sayIds(expect.policies), sayIds(decision.policies))
  return wrong.length === 0 ? [] : [...wrong, ...decision.reasons]
}

function sayIds(ids: readonly string[]): string {
  return `[${[...ids].sort().join(', ')}]`
}
