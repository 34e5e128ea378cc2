import {
  type AuthorizationAnswer,
  type DetailedError,
  type EntityJson,
  isAuthorized,
  type PolicyJson,
  policyToJson,
  policyToText,
  preparsePolicySet,
  type SchemaJson,
  schemaToJsonWithResolvedTypes,
  statefulIsAuthorized,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs'
import type { CedarValue } from '../model.ts'

export type { EntityJson, Expr, PolicyJson, SchemaJson, Type } from '@cedar-policy/cedar-wasm/nodejs'

export interface EntityId {
  readonly type: string
  readonly id: string
}

/** What Cedar is asked, apart from the policies. */
export interface CedarQuestion {
  readonly principal: EntityId
  readonly action: EntityId
  readonly resource: EntityId
  readonly context: Readonly<Record<string, CedarValue>>
  readonly entities: EntityJson[]
}

/** Cedar's answer, policy ids as given to it. `determining` holds the satisfied forbids if any, else the satisfied permits. */
export interface CedarAnswer {
  readonly allowed: boolean
  readonly determining: readonly string[]
  readonly errors: readonly { readonly id: string; readonly message: string }[]
}

/** Something wrong with policy text: UTF-8 byte offsets into the text that was given. */
export interface CedarProblem {
  readonly message: string
  readonly start: number
  readonly end: number
}

/** Parses exactly one static policy. */
export function parsePolicy(text: string): { readonly json: PolicyJson } | { readonly problems: readonly CedarProblem[] } {
  const answer = policyToJson(text)
  if (answer.type !== 'success') return { problems: answer.errors.map(asProblem) }
  // An annotation without a value comes as null, whatever the types say.
  const annotations = Object.entries(answer.json.annotations ?? {}).map(([name, value]) => [name, value ?? ''])
  return { json: { ...answer.json, annotations: Object.fromEntries(annotations) } }
}

/** Renders one policy as Cedar text. Throws on a policy that Cedar does not take. */
export function renderPolicy(json: PolicyJson): string {
  const answer = policyToText(json)
  if (answer.type === 'success') return answer.text
  throw new Error(messages(answer.errors))
}

/** Reads a schema; every type name in it resolved. Throws on one that Cedar does not take. */
export function parseSchema(text: string): SchemaJson<string> {
  const answer = schemaToJsonWithResolvedTypes(text)
  if (answer.type === 'success') return answer.json
  throw new Error(messages(answer.errors))
}

/** Strict validation. Errors and warnings apart, each with the position of its policy in `texts`. */
export function validatePolicies(schema: SchemaJson<string>, texts: readonly string[]) {
  const answer = validate({ schema, policies: { staticPolicies: numbered(texts) }, validationSettings: { mode: 'strict' } })
  if (answer.type === 'failure') throw new Error(messages(answer.errors))
  const place = (one: { policyId: string; error: DetailedError }) => ({
    position: Number(one.policyId),
    problem: asProblem(one.error),
  })
  return { errors: answer.validationErrors.map(place), warnings: answer.validationWarnings.map(place) }
}

/** Parses policies into Cedar's own memory under `id`, in place of what was there. They are then called `policy0`, `policy1`, … */
export function preparse(id: string, texts: readonly string[]): void {
  const answer = preparsePolicySet(id, { staticPolicies: texts.join('\n') })
  if (answer.type === 'failure') throw new Error(messages(answer.errors))
}

/** Asks about the policies preparsed under `id`. Throws where Cedar gives no answer. */
export function askPreparsed(id: string, question: CedarQuestion): CedarAnswer {
  return asAnswer(statefulIsAuthorized({ ...asCall(question), preparsedPolicySetId: id }))
}

/** Asks about the given policies, parsing them first: slow, for explanations. They are called `0`, `1`, … */
export function ask(policies: readonly PolicyJson[], question: CedarQuestion): CedarAnswer {
  return asAnswer(isAuthorized({ ...asCall(question), policies: { staticPolicies: numbered(policies) } }))
}

function asCall(question: CedarQuestion) {
  // Cedar's types ask for mutable values but only read them.
  return { ...question, context: question.context as Record<string, never>, validateRequest: false }
}

function asAnswer(answer: AuthorizationAnswer): CedarAnswer {
  if (answer.type !== 'success') throw new Error(messages(answer.errors))
  const { decision, diagnostics } = answer.response
  const errors = diagnostics.errors.map((one) => ({ id: one.policyId, message: one.error.message }))
  return { allowed: decision === 'allow', determining: diagnostics.reason, errors }
}

function asProblem(error: DetailedError): CedarProblem {
  const at = error.sourceLocations?.[0]
  const message = error.message.replace(
    /^for policy `[^`]*`,? ?:? ?|^failed to parse policy (with id `[^`]*` )?from string: /,
    '',
  )
  const hint = error.help ?? at?.label
  return { message: hint ? `${message} (${hint})` : message, start: at?.start ?? 0, end: at?.end ?? 0 }
}

function messages(errors: readonly DetailedError[]): string {
  return errors.map((error) => error.message).join('; ')
}

function numbered<T>(items: readonly T[]): Record<string, T> {
  return Object.fromEntries(items.entries())
}
