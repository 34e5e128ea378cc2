import { hash } from 'node:crypto'
import { createCache } from '../cache.ts'
import type { AuthzRequest } from '../model.ts'
import { askPreparsed, type CedarAnswer, type CedarQuestion, type EntityId, type PolicyJson, renderPolicy } from './cedar.ts'
import { entitiesOf, groupsOf } from './entities.ts'
import { indexHeads } from './head.ts'
import { asTags } from './integers.ts'
import { fingerprint, joinReads, project, type Reads, readsOf } from './reads.ts'
import { slotFor } from './slots.ts'

/** The least a slice must know of a policy. `position` is its place in the set. */
export interface Sliceable {
  readonly id: string
  readonly position: number
  readonly json: PolicyJson
}

/** Satisfied and erring policies, as Cedar answers over the whole set. */
export interface Verdict<T> {
  readonly allowed: boolean
  readonly determining: readonly T[]
  readonly errors: readonly { readonly policy: T; readonly message: string }[]
}

/** The policies of a set whose scope one request matches, and what their conditions read. */
export interface Slice<T> {
  readonly policies: readonly T[]
  /** The exact inputs of this slice's answer, as a text: requests with equal text have equal answers. */
  keyOf(request: AuthzRequest): string
  /** Throws where Cedar gives no answer. */
  evaluate(request: AuthzRequest): Verdict<T>
}

/** Two generations of this many combinations of caller, action and target remember their slice. */
const REMEMBERED = 8192

const ANYTHING = { op: 'All' } as const

/**
 * Cuts a policy set, named by its hash, into slices. A policy outside the slice can neither be satisfied nor err, since
 * Cedar tests the scope before the conditions; inside it the scope holds, so only the conditions are evaluated, on
 * exactly the inputs they read. test/policy/slice.test.ts holds the answer equal to plain Cedar's.
 */
export function createSlices<T extends Sliceable>(
  policies: readonly T[],
  setHash: string,
  isWord: (entityType: string) => boolean,
): (request: AuthzRequest) => Slice<T> {
  const index = indexHeads(policies)
  const bodies = new Map<T, Body>()
  const byHead = createCache<Slice<T>>(REMEMBERED)
  const byContent = createCache<Slice<T>>(REMEMBERED)

  const bodyOf = (policy: T): Body => {
    const known = bodies.get(policy)
    if (known !== undefined) return known
    const body = { text: renderPolicy(withoutScope(policy.json)), reads: readsOf(policy.json.conditions, isWord) }
    bodies.set(policy, body)
    return body
  }
  const sliceOf = (members: readonly T[]): Slice<T> => {
    const positions = members.map(({ position }) => position).join(',')
    const name = `${setHash} ${hash('sha256', positions)}`
    const known = byContent.get(name)
    if (known !== undefined) return known
    const slice = makeSlice(members, name, bodyOf)
    byContent.set(name, slice)
    return slice
  }
  return (request) => {
    const head = headOf(request)
    const known = byHead.get(head)
    if (known !== undefined) return known
    const slice = sliceOf(index.find(request).sort((a, b) => a.position - b.position))
    byHead.set(head, slice)
    return slice
  }
}

interface Body {
  readonly text: string
  readonly reads: Reads
}

function withoutScope({ effect, conditions }: PolicyJson): PolicyJson {
  return { effect, principal: ANYTHING, action: ANYTHING, resource: ANYTHING, conditions }
}

/** All that a scope can see of a request, unambiguous by the lengths of what an attacker may choose. */
function headOf(request: AuthzRequest): string {
  const { principal, action, resource } = groupsOf(request)
  let text = sayEntity(request.principal)
  for (const group of principal) text += sayEntity(group)
  text += `;${request.action.length} ${request.action} `
  for (const group of action) text += sayEntity(group)
  text += `;${sayEntity(request.resource)}`
  for (const group of resource) text += sayEntity(group)
  return text
}

function sayEntity({ type, id }: EntityId): string {
  return `${type} ${id.length} ${id} `
}

let slices = 0

function makeSlice<T extends Sliceable>(policies: readonly T[], name: string, bodyOf: (policy: T) => Body): Slice<T> {
  const prefix = `${++slices} `
  const plain = policies.filter(({ json }) => json.conditions.length === 0)
  const asked = policies.filter(({ json }) => json.conditions.length > 0)
  const reads = joinReads(asked.map((policy) => bodyOf(policy).reads))
  return {
    policies,
    keyOf(request) {
      const inputs = fingerprint(request.context, reads.context)
      return reads.identity ? `${prefix}${inputs}${headOf(request)}` : `${prefix}${inputs}`
    },
    evaluate(request) {
      if (asked.length === 0) return join(plain, NOTHING)
      const slot = slotFor(name, asked.length, () => asked.map((policy) => bodyOf(policy).text))
      return join(plain, asVerdict(askPreparsed(slot, questionOf(request, reads)), asked))
    },
  }
}

const NOTHING = { allowed: false, determining: [], errors: [] } as const

/**
 * Adds the policies without conditions, which are satisfied where their scope is: forbids win, and are then the ones that
 * determine.
 */
function join<T extends Sliceable>(plain: readonly T[], { allowed, determining, errors }: Verdict<T>): Verdict<T> {
  const [permits, forbids] = [
    plain.filter(({ json }) => json.effect === 'permit'),
    plain.filter(({ json }) => json.effect === 'forbid'),
  ]
  const forbidding = [...forbids, ...(allowed ? [] : determining)]
  if (forbidding.length > 0) return { allowed: false, determining: forbidding, errors }
  const permitting = [...permits, ...determining]
  return { allowed: permitting.length > 0, determining: permitting, errors }
}

function questionOf(request: AuthzRequest, reads: Reads): CedarQuestion {
  const { principal, resource, context } = request
  const read = asTags(project(context, reads.context) as CedarQuestion['context'])
  return {
    principal,
    action: { type: 'Action', id: request.action },
    resource,
    context: read.context,
    entities: reads.groups ? [...entitiesOf(request), ...read.entities] : read.entities,
  }
}

const POSITION = /^policy(\d+)$/

function asVerdict<T>(answer: CedarAnswer, policies: readonly T[]): Verdict<T> {
  const named = (id: string): T => {
    const policy = policies[Number(POSITION.exec(id)?.[1])]
    if (policy === undefined) throw new Error(`Cedar named a policy that it was not given: ${id}`)
    return policy
  }
  return {
    allowed: answer.allowed,
    determining: answer.determining.map(named),
    errors: answer.errors.map(({ id, message }) => ({ policy: named(id), message })),
  }
}
