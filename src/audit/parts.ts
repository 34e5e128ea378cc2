import { type EntryKind, type EntryOf, LIMITS } from './entry.ts'
import { cut, cutList, cutOrNull } from './spell.ts'

/** Who asks, as far as entries say it. */
export interface CallerFacts {
  readonly id: string
  readonly proof: string
  readonly issuer: string
  readonly actors: readonly string[]
}

/** What was decided, as far as entries say it. */
export interface DecisionFacts {
  readonly effect: EntryOf<'decision'>['effect']
  readonly code: string
  readonly policies: readonly string[]
  readonly policySetHash: string
  readonly reasons: readonly string[]
}

/** Members of an entry as canonical text, without braces. They are given in the order of FIELDS. */
export function spell<K extends EntryKind>(members: Partial<EntryOf<K>>): string {
  return JSON.stringify(members).slice(1, -1)
}

// Nearly all entries are about the same few values, which never change: what one adds to its entries is spelled once.

export const spellCaller = once(({ id, proof, issuer, actors }: CallerFacts) =>
  spell<'decision'>({
    caller: cut(id, LIMITS.caller),
    proof: cut(proof, LIMITS.id),
    issuer: cut(issuer, LIMITS.name),
    actors: cutList(actors, LIMITS.actors, LIMITS.name),
  }),
)

export const spellCallerId = once(({ id }: { readonly id: string }) => spell<'outcome'>({ caller: cut(id, LIMITS.caller) }))

export const spellTask = once((task: { readonly id: string; readonly owner: string } | undefined) =>
  spell<'decision' | 'outcome'>({ owner: cutOrNull(task?.owner, LIMITS.name), task: cutOrNull(task?.id, LIMITS.id) }),
)

export const spellTarget = once((target: { readonly id: string } | undefined) =>
  spell<'decision' | 'outcome'>({ target: cutOrNull(target?.id, LIMITS.id) }),
)

export const spellDecision = once(({ effect, code, policies, policySetHash, reasons }: DecisionFacts) =>
  spell<'decision'>({
    effect,
    code: cut(code, LIMITS.id),
    policies: cutList(policies, LIMITS.policies, LIMITS.id),
    policySetHash: cut(policySetHash, LIMITS.id),
    reasons: cutList(reasons, LIMITS.reasons, LIMITS.sentence),
  }),
)

/** Keeps a text as long as the value it was made from. */
function once<T extends object | undefined>(make: (value: T) => string): (value: T) => string {
  const made = new WeakMap<object, string>()
  return (value) => {
    const known = value && made.get(value)
    if (known !== undefined) return known
    const text = make(value)
    if (value !== undefined) made.set(value, text)
    return text
  }
}
