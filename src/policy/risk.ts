import type { Access, Environment, ProofKind, Raise, Risk, Sensitivity } from '../model.ts'

/** What the score is made of. */
export interface RiskFacts {
  readonly access: Access
  readonly environment?: Environment
  readonly sensitivity?: Sensitivity
  readonly proof: ProofKind
  readonly hour: number
  readonly weekday: string
  /** Of the task and of the target. */
  readonly labels: readonly string[]
  /** Of what the task has acted on before. */
  readonly touched?: readonly string[]
  /** By what was found about the task, for a while. */
  readonly raised?: readonly Raise[]
}

/** Points, and the sentence that says them. */
interface Part {
  readonly points: number
  readonly reason: string
}

function part(points: number, because: string): Part {
  return { points, reason: `+${points} ${because}` }
}

const ACCESS: Readonly<Record<Access, Part>> = {
  read: part(0, 'reads'),
  write: part(20, 'writes'),
  destructive: part(40, 'destroys'),
  admin: part(40, 'changes who may do what'),
}
const ENVIRONMENT: Readonly<Record<Environment, Part>> = {
  production: part(20, 'in production'),
  unknown: part(15, 'in an environment nobody declared'),
  staging: part(5, 'in staging'),
  development: part(0, 'in development'),
}
const SENSITIVITY: Readonly<Record<Sensitivity, Part>> = {
  restricted: part(20, 'restricted data'),
  confidential: part(10, 'confidential data'),
  internal: part(5, 'internal data'),
  public: part(0, 'public data'),
}
const PROOF: Readonly<Record<ProofKind, Part>> = {
  'operator-socket': part(0, 'the caller is the operator'),
  webhook: part(10, 'the caller only holds a secret'),
  sandbox: part(0, 'the caller is sandboxed'),
  'process-tree': part(5, 'the caller is attested but not sandboxed'),
  'run-secret': part(10, 'the caller only holds a secret'),
  federated: part(10, 'the caller is vouched for by another issuer'),
}
const LABELS: ReadonlyMap<string, Part> = new Map([
  ['untrusted-input', part(15, 'untrusted input')],
  ['pii', part(10, 'personal data')],
  ['pci', part(10, 'card data')],
  ['phi', part(10, 'health data')],
  ['secrets', part(10, 'holds secrets')],
])
const TOUCHED: ReadonlyMap<string, Part> = new Map([
  ['untrusted-input', part(15, 'the task has taken in untrusted input')],
  ['private-data', part(10, 'the task has read private data')],
  ['secrets', part(10, 'the task has read secrets')],
])
/** Labels are the user's own words; most say nothing of risk. */
const HARMLESS = part(0, '')
const OUT_OF_HOURS = part(5, 'outside Monday to Friday, 06:00 to 20:00 UTC')
const CEILING = 100

/** The score, 0 to 100, and one sentence for each thing that raised it, largest first. */
export function assessRisk(facts: RiskFacts): Risk {
  const raising: Part[] = []
  let sum = 0
  const add = (one: Part): void => {
    if (one.points === 0) return
    sum += one.points
    raising.push(one)
  }
  add(ACCESS[facts.access])
  add(PROOF[facts.proof])
  if (facts.environment !== undefined) add(ENVIRONMENT[facts.environment])
  if (facts.sensitivity !== undefined) add(SENSITIVITY[facts.sensitivity])
  if (facts.labels.length > 0) for (const label of new Set(facts.labels)) add(LABELS.get(label) ?? HARMLESS)
  for (const label of facts.touched ?? []) if (!facts.labels.includes(label)) add(TOUCHED.get(label) ?? HARMLESS)
  for (const { points, because } of facts.raised ?? []) add(part(points, because))
  if (isOutOfHours(facts.hour, facts.weekday)) add(OUT_OF_HOURS)
  raising.sort((a, b) => b.points - a.points)
  return { score: Math.min(CEILING, sum), reasons: raising.map(({ reason }) => reason) }
}

function isOutOfHours(hour: number, weekday: string): boolean {
  return weekday === 'saturday' || weekday === 'sunday' || hour < 6 || hour >= 20
}
