import type { Access } from '../model.ts'
import { type CedarProblem, type PolicyJson, type SchemaJson, validatePolicies } from './cedar.ts'

/** A problem, and the position of the policy that has it. */
export interface Invalid {
  readonly position: number
  readonly problem: CedarProblem
}

interface Candidate {
  readonly text: string
  readonly json: PolicyJson
}

const CLASSES: readonly Access[] = ['read', 'write', 'destructive', 'admin']
/** How a connector names an action: `http:GET`, `github:PullRequest::merge`. Stint's own are listed in the schema. */
const CONNECTOR_ACTION = /^(?!stint:)[a-z][a-z0-9-]*:[A-Za-z]/

/**
 * Validates strictly against the schema, in which each connector action that a policy names is declared for the occasion. Its
 * access class is known only to its connector, so the policies are held against all four: an error in any one counts,
 * a warning (the policy can never apply) where it is the same in all.
 */
export function validateAgainst(schema: SchemaJson<string>, candidates: readonly Candidate[]): Invalid[] {
  const texts = candidates.map(({ text }) => text)
  const named = new Set(candidates.flatMap(({ json }) => [...actionsIn(json)]).filter((id) => CONNECTOR_ACTION.test(id)))
  const variants = named.size === 0 ? [schema] : CLASSES.map((access) => declare(schema, named, access))
  const answers = variants.map((variant) => validatePolicies(variant, texts))
  const errors = answers.flatMap((answer) => answer.errors)
  const always = answers
    .map(({ warnings }) => once(warnings))
    .reduce((some, more) => some.filter((one) => more.some(sameAs(one))))
  const idle = always.filter(({ position }) => !errors.some((error) => error.position === position))
  return once([...errors, ...idle]).map((one) => ({ ...one, problem: withAdvice(one, errors.filter(sameAs(one))) }))
}

const ON_STINT = /in context for Action::"stint:/

/** A condition on the facts of a target, in a scope that also takes in acts on Stint, is what newcomers write. */
function withAdvice({ problem }: Invalid, alike: readonly Invalid[]): CedarProblem {
  if (alike.length === 0 || !alike.every((one) => ON_STINT.test(one.problem.message))) return problem
  const said = problem.message.replace(/ \(did you mean.*$/, '')
  return { ...problem, message: `${said} (if targets are meant, say \`resource is Target\` in the scope)` }
}

/** The first problem at each place: Cedar repeats one for every action that it concerns. */
function once(found: readonly Invalid[]): Invalid[] {
  return found.filter((one, index) => found.findIndex(sameAs(one)) === index)
}

function sameAs(one: Invalid): (other: Invalid) => boolean {
  return (other) => other.position === one.position && other.problem.start === one.problem.start
}

function declare(schema: SchemaJson<string>, ids: ReadonlySet<string>, access: Access): SchemaJson<string> {
  const namespace = schema['']
  const pattern = namespace?.actions[`any ${access}`]
  if (namespace === undefined || pattern === undefined) throw new Error(`the schema has no action "any ${access}"`)
  const added = Object.fromEntries([...ids].map((id) => [id, pattern]))
  return { ...schema, '': { ...namespace, actions: { ...namespace.actions, ...added } } }
}

/** Every action that a policy names, in its scope or its conditions. */
function* actionsIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return
  if ('type' in value && value.type === 'Action' && 'id' in value && typeof value.id === 'string') yield value.id
  for (const part of Object.values(value)) yield* actionsIn(part)
}
