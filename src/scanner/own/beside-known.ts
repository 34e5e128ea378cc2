import type { Detect, Match } from '../detector.ts'
import { sureness } from '../rule.ts'

/**
 * Finds what Stint's rules know and what users' rules do. A user's rule takes no match from one of Stint's, since a project's file is
 * attacker-controlled; where it finds the same or a part of it and is no surer, it says nothing.
 */
export function detectBoth(detectKnown: Detect, detectOwn: Detect): Detect {
  return (bytes, from, to) => {
    const known = detectKnown(bytes, from, to)
    const own = detectOwn(bytes, from, to)
    if (own.length === 0) return known
    return [...known, ...withoutWithin(own, known)].sort((one, other) => one.start - other.start)
  }
}

/** Both in the order of their places; those of `known` do not overlap. */
function withoutWithin(own: readonly Match[], known: readonly Match[]): Match[] {
  let at = 0
  return own.filter(({ start, end, rule }) => {
    for (let next = known[at + 1]; next !== undefined && next.start <= start; next = known[at + 1]) at += 1
    const one = known[at]
    const isWithin = one !== undefined && one.start <= start && end <= one.end
    return !(isWithin && sureness(one.rule.confidence) >= sureness(rule.confidence))
  })
}
