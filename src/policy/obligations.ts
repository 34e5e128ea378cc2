import { APPROVER_TAKES, isApproverRule, joinApprovers } from '../approver.ts'

/** What a permit asks for besides: consent, and a bound on the credential's life. */
export interface Obligations {
  readonly approver?: string
  readonly ttlSeconds?: number
  /** Annotations nobody here knows how to meet. */
  readonly unknown: readonly string[]
}

const SECONDS = /^[1-9]\d{0,7}$/
const ID = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/

/** How an annotation's value must look, as a check and in words, and whether it obliges. */
interface Annotation {
  fits(value: string): boolean
  readonly takes: string
  readonly obliges: boolean
}

/** Every annotation there is. */
const ANNOTATIONS = new Map<string, Annotation>([
  [
    'id',
    { fits: (value) => ID.test(value), takes: 'a name of letters, digits and ._/- that no other policy has', obliges: false },
  ],
  ['reason', { fits: (value) => /\S/.test(value), takes: 'a sentence for people', obliges: false }],
  ['approval', { fits: isApproverRule, takes: APPROVER_TAKES, obliges: true }],
  ['ttl', { fits: (value) => SECONDS.test(value), takes: 'whole seconds, from "1"', obliges: true }],
])

type Annotations = Readonly<Record<string, string>>

/** One sentence for each annotation that is missing, malformed, or on a forbid, where an obligation means nothing. */
export function checkAnnotations(annotations: Annotations, effect: 'permit' | 'forbid'): string[] {
  const problems = Object.hasOwn(annotations, 'id') ? [] : ['the policy has no @id("..."), the name it has in the log']
  for (const [name, value] of Object.entries(annotations)) {
    const known = ANNOTATIONS.get(name)
    if (known !== undefined && !known.fits(value)) problems.push(`@${name}("${value}") takes ${known.takes}`)
    if (known?.obliges && effect === 'forbid') problems.push(`@${name} is an obligation and belongs on a permit`)
  }
  return problems
}

/** The obligations that checked annotations say. */
export function readObligations(annotations: Annotations): Obligations {
  const { approval, ttl } = annotations
  return {
    ...(approval === undefined ? {} : { approver: approval }),
    ...(ttl === undefined ? {} : { ttlSeconds: Number(ttl) }),
    unknown: Object.keys(annotations).filter((name) => !ANNOTATIONS.has(name)),
  }
}

/** All of them at once: everyone's consent, the shortest life. Obligations add up; none takes another away. */
export function joinObligations(all: readonly Obligations[]): Obligations {
  const [first] = all
  if (first !== undefined && all.length === 1) return first
  const approvers = new Set(all.flatMap(({ approver }) => approver ?? []))
  const ttls = all.flatMap(({ ttlSeconds }) => ttlSeconds ?? [])
  return {
    ...(approvers.size === 0 ? {} : { approver: joinApprovers(approvers) }),
    ...(ttls.length === 0 ? {} : { ttlSeconds: Math.min(...ttls) }),
    unknown: all.flatMap(({ unknown }) => unknown),
  }
}
