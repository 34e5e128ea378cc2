import type { Access, Environment, ProofKind, Risk, Sensitivity } from '../model.ts'

/** What the score is made of. */
export interface RiskFacts {
  readonly access: Access
  readonly environment?: Environment
  readonly sensitivity?: Sensitivity
  readonly proof: ProofKind
  readonly hour: number
  readonly weekday: string
  readonly labels: readonly string[]
}

type Part = readonly [points: number, because: string]

const ACCESS: Readonly<Record<Access, Part>> = {
  read: [0, 'reads'],
  write: [20, 'writes'],
  destructive: [40, 'destroys'],
  admin: [40, 'changes who may do what'],
}
const ENVIRONMENT: Readonly<Record<Environment, Part>> = {
  production: [20, 'in production'],
  unknown: [15, 'in an environment nobody declared'],
  staging: [5, 'in staging'],
  development: [0, 'in development'],
}
const SENSITIVITY: Readonly<Record<Sensitivity, Part>> = {
  restricted: [20, 'restricted data'],
  confidential: [10, 'confidential data'],
  internal: [5, 'internal data'],
  public: [0, 'public data'],
}
const PROOF: Readonly<Record<ProofKind, Part>> = {
  'operator-socket': [0, 'the caller is the operator'],
  sandbox: [0, 'the caller is sandboxed'],
  'process-tree': [5, 'the caller is attested but not sandboxed'],
  'run-secret': [10, 'the caller only holds a secret'],
  federated: [10, 'the caller is vouched for by another issuer'],
}
const LABELS: ReadonlyMap<string, Part> = new Map([
  ['untrusted-input', [15, 'the task has read untrusted input'] as const],
  ['pii', [10, 'personal data'] as const],
  ['pci', [10, 'card data'] as const],
  ['phi', [10, 'health data'] as const],
  ['secrets', [10, 'holds secrets'] as const],
])
const OUT_OF_HOURS: Part = [5, 'outside Monday to Friday, 06:00 to 20:00 UTC']
const CEILING = 100

/** The score, 0 to 100, and one sentence for each thing that raised it, largest first. */
export function assessRisk(facts: RiskFacts): Risk {
  const parts: Part[] = [ACCESS[facts.access], PROOF[facts.proof]]
  if (facts.environment !== undefined) parts.push(ENVIRONMENT[facts.environment])
  if (facts.sensitivity !== undefined) parts.push(SENSITIVITY[facts.sensitivity])
  for (const label of new Set(facts.labels)) parts.push(LABELS.get(label) ?? [0, ''])
  if (isOutOfHours(facts.hour, facts.weekday)) parts.push(OUT_OF_HOURS)
  const raising = parts.filter(([points]) => points > 0).sort(([a], [b]) => b - a)
  const sum = raising.reduce((total, [points]) => total + points, 0)
  return { score: Math.min(CEILING, sum), reasons: raising.map(([points, because]) => `+${points} ${because}`) }
}

function isOutOfHours(hour: number, weekday: string): boolean {
  return weekday === 'saturday' || weekday === 'sunday' || hour < 6 || hour >= 20
}
