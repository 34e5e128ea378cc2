import { createAutomaton, type Hits } from './automaton.ts'
import { entropyOf, isStandIn } from './likeness.ts'
import { type Reach, type Rule, sureness } from './rule.ts'
import type { Spot, Structure } from './structures/structure.ts'

/** One match of a rule. It holds the secret: it stays where it was made. */
export interface Match {
  readonly rule: Pick<Rule, 'id' | 'provider' | 'title' | 'confidence'> & { readonly facts?: Rule['facts'] }
  /** Offsets of the secret in the bytes that were read. */
  readonly start: number
  readonly end: number
  /** The secret, each byte as one character. */
  readonly secret: string
  /** Of a user's rule, all that its pattern matched. */
  readonly whole?: string
  /** What entries of allow-lists found in it (own/words.ts). */
  readonly marks?: readonly string[]
}

/** Finds what the rules know in `bytes[from … to)`, in the order of the places. */
export type Detect = (bytes: Buffer, from: number, to: number) => Match[]

/** What is seen at a glance: a match, or the keyword of a rule that reaches far or of a structure, or neither. */
export type Seen = 'found' | 'far' | 'nothing'

/** Says what is in `bytes[from … to)`. */
export type Glance = (bytes: Buffer, from: number, to: number) => Seen

/** The two ways to look. */
export interface Detection {
  readonly detect: Detect
  readonly glance: Glance
  /** How far matches are from what they are known by, and all that decides on them, but for the rules that reach far. */
  readonly nearBytes: number
}

const REACH: Reach = { before: 64, after: 512 }

/** How far before a match its pattern may look. */
const LOOK_BEHIND = 3

/** A rule whose match takes more than this is one that reaches far. */
const NEAR_BYTES = 640

/** A rule as it is tried where one of its keywords stands. */
interface Trial {
  readonly rule: Rule
  readonly pattern: RegExp
  readonly reach: Reach
  /** Up to where its last match goes: what begins before is known. */
  knownTo: number
}

/** How many bytes a match and what it is known by take at most: what a reader of parts has to keep of the part before. */
export function reachOf(rules: readonly Rule[]): number {
  return Math.max(0, ...rules.map(reachOfOne))
}

function reachOfOne({ reach = REACH }: Rule): number {
  return LOOK_BEHIND + reach.before + reach.after
}

/**
 * A detector by these rules, and by structures that are read where a keyword of theirs stands. Of matches that overlap one is kept: of the
 * rule that is surer, else a rule's before a structure's, else the longer one, else that of the earlier rule. Throws RangeError for a keyword that is none.
 */
export function createDetector(rules: readonly Rule[], structures: readonly Structure[] = []): Detect {
  return createDetection(rules, structures).detect
}

/** A detector, and what sees at a glance what it would find. Throws RangeError for a keyword that is none. */
export function createDetection(rules: readonly Rule[], structures: readonly Structure[] = []): Detection {
  const keywords = [...new Set([...rules, ...structures].flatMap((one) => one.keywords))]
  const trials = rules.map((rule): Trial => {
    return { rule, pattern: new RegExp(rule.pattern.source, 'dg'), reach: rule.reach ?? REACH, knownTo: 0 }
  })
  const trialsOf = keywords.map((keyword) => trials.filter(({ rule }) => rule.keywords.includes(keyword)))
  const structuresOf = keywords.map((keyword) => structures.filter((one) => one.keywords.includes(keyword)))
  /** A structure is the whole text. */
  const reachesOf = keywords.map((keyword, at) =>
    structuresOf[at]?.length ? Number.POSITIVE_INFINITY : keyword.length + reachOf((trialsOf[at] ?? []).map(({ rule }) => rule)),
  )
  const findKeywords = createAutomaton(keywords)

  function tryAll(hits: Hits, bytes: Buffer, from: number, to: number): Match[] {
    for (const trial of trials) trial.knownTo = from
    const found: Match[] = []
    for (const [keyword, end] of inOrder(hits)) {
      const start = end - (keywords[keyword] ?? '').length
      for (const trial of trialsOf[keyword] ?? []) {
        if (trial.knownTo <= start) tryAt(trial, { bytes, from, to, start, end }, found)
      }
    }
    return found
  }

  function readStructures(hits: Hits, bytes: Buffer, from: number, to: number): Match[] {
    const known = new Set<Structure>()
    for (let i = 0; i < hits.count; i += 1) for (const one of structuresOf[hits.keywords[i] as number] ?? []) known.add(one)
    if (known.size === 0) return []
    const text = bytes.toString('latin1', from, to)
    return [...known].flatMap((rule) => Array.from(rule.find(text), (one) => matchOf(rule, one, from)))
  }

  return {
    detect(bytes, from, to) {
      const hits = findKeywords(bytes, from, to)
      return hits.count === 0 ? [] : withoutOverlaps([...tryAll(hits, bytes, from, to), ...readStructures(hits, bytes, from, to)])
    },
    glance(bytes, from, to) {
      const hits = findKeywords(bytes, from, to)
      if (hits.count === 0) return 'nothing'
      if (tryAll(hits, bytes, from, to).length > 0 || readStructures(hits, bytes, from, to).length > 0) return 'found'
      return hits.keywords.subarray(0, hits.count).some((keyword) => (reachesOf[keyword] ?? 0) > NEAR_BYTES) ? 'far' : 'nothing'
    },
    nearBytes: NEAR_BYTES,
  }
}

/** A keyword at `start … end` of the bytes that are read. */
interface Standing {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
  readonly start: number
  readonly end: number
}

/** Finds the matches that begin before the keyword or with it; those that begin later have a keyword of their own. */
function tryAt(trial: Trial, { bytes, from, to, start, end }: Standing, found: Match[]): void {
  const { rule, pattern, reach } = trial
  const first = Math.max(trial.knownTo, start - reach.before)
  const base = Math.max(from, first - LOOK_BEHIND)
  const text = bytes.toString('latin1', base, Math.min(to, end + reach.after))
  pattern.lastIndex = first - base
  for (let match = pattern.exec(text); match !== null && base + match.index <= start; match = pattern.exec(text)) {
    const [secretAt, secretEnd] = match.indices?.groups?.secret ?? match.indices?.[0] ?? [0, 0]
    const secret = text.slice(secretAt, secretEnd)
    if (isSecret(rule, secret)) {
      found.push({ rule, start: base + secretAt, end: base + secretEnd, secret })
      trial.knownTo = base + pattern.lastIndex
    } else pattern.lastIndex = match.index + 1 // a shorter way to begin may hold
  }
}

function isSecret({ check, entropy }: Rule, secret: string): boolean {
  if (secret === '' || (entropy !== undefined && entropyOf(secret) < entropy)) return false
  return check === undefined ? !isStandIn(secret) : check(secret)
}

/** Hits by the ends of their keywords. */
function inOrder({ keywords, ends, count }: Hits): (readonly [keyword: number, end: number])[] {
  const all = Array.from({ length: count }, (_, i) => [keywords[i] as number, ends[i] as number] as const)
  return all.sort(([, one], [, other]) => one - other)
}

function withoutOverlaps(found: Match[]): Match[] {
  const kept: Match[] = []
  for (const match of found.sort((one, other) => one.start - other.start)) {
    const last = kept.at(-1)
    if (last === undefined || match.start >= last.end) kept.push(match)
    else if (isBetter(match, last)) kept[kept.length - 1] = match
  }
  return kept
}

function matchOf(rule: Structure, { start, secret }: Spot, from: number): Match {
  return { rule, start: from + start, end: from + start + secret.length, secret }
}

function rankOf({ rule }: Match): number {
  return sureness(rule.confidence) + ('find' in rule ? 0 : 0.5)
}

function isBetter(one: Match, other: Match): boolean {
  const [mine, theirs] = [rankOf(one), rankOf(other)]
  return mine === theirs ? one.end - one.start > other.end - other.start : mine > theirs
}
