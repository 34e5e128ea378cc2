import { createAutomaton } from '../automaton.ts'
import type { Match } from '../detector.ts'
import { entropyOf } from '../likeness.ts'
import type { OwnRule } from './own-rules.ts'
import { runWithinTime, TOO_SLOW } from './within-time.ts'

/** A pattern is tried on parts of this many bytes, and sees so many before and after each. */
const SLICE = 32 << 10
const BEFORE = 64
export const OWN_REACH = 8 << 10

/** A rule that falls behind this is given up: for each byte that it was tried on, and beforehand. */
const MS_PER_BYTE = 1 / 1000
const MS_BEFOREHAND = 5000
/** After so many rules that were given up the others are too: each of them has cost a second. */
const MOST_GIVEN_UP = 10

interface Trial {
  readonly rule: OwnRule
  /** The rule as matches name it. */
  readonly known: Match['rule']
  readonly pattern: RegExp
  /** Processor time, and what it was tried on. */
  ms: number
  bytes: number
  /** Up to where its last match goes: what begins before is a part of that. */
  knownTo: number
  isGivenUp: boolean
}

/** Hears of a rule that is not tried any more. */
export type GiveUp = (rule: OwnRule, why: string) => void

/** Finds what users' rules know in `bytes[from … to)`, in the order of the places; matches of different rules may overlap. */
export function createOwnDetector(rules: readonly OwnRule[], giveUp: GiveUp) {
  const trials = rules.map((rule): Trial => {
    const { tags } = rule
    const known = { ...rule, ...(tags !== undefined && { facts: () => ({ tags }) }) }
    return { rule, known, pattern: new RegExp(rule.pattern, 'dg'), ms: 0, bytes: 0, knownTo: 0, isGivenUp: false }
  })
  const choose = createChoice(trials)
  let givenUp = 0

  function end(trial: Trial, why: string): void {
    if (trial.isGivenUp) return
    giveUpOne(trial, why)
    givenUp += 1
    if (givenUp < MOST_GIVEN_UP) return
    for (const other of trials) if (!other.isGivenUp) giveUpOne(other, `${MOST_GIVEN_UP} others took longer than they may`)
  }

  function giveUpOne(trial: Trial, why: string): void {
    trial.isGivenUp = true
    giveUp(trial.rule, why)
  }

  return (bytes: Buffer, from: number, to: number): Match[] => {
    const chosen = choose(bytes, from, to)
    const found: Match[] = []
    if (chosen.length === 0) return found
    for (const trial of chosen) trial.knownTo = from
    const slices = Math.ceil((to - from) / SLICE)
    let slice: Slice | undefined
    const run = (job: number): void => {
      const trial = chosen[job % chosen.length]
      if (trial === undefined || trial.isGivenUp) return
      const start = from + Math.floor(job / chosen.length) * SLICE
      if (slice?.start !== start) slice = readSlice(bytes, { from, to, start })
      found.push(...measure(trial, slice))
      if (trial.ms > MS_BEFOREHAND + trial.bytes * MS_PER_BYTE) end(trial, TOO_SLOW)
    }
    runWithinTime(slices * chosen.length, run, (job, why) => end(chosen[job % chosen.length] as Trial, why))
    return found.sort((one, other) => one.start - other.start)
  }
}

/** The automaton has room for so many letters of keywords. */
const MOST_LETTERS = 60_000

/** Which rules have to be tried on these bytes: of too many keywords, all. */
function createChoice(trials: readonly Trial[]): (bytes: Buffer, from: number, to: number) => readonly Trial[] {
  const keywords = [...new Set(trials.flatMap(({ rule }) => rule.keywords))]
  if (keywords.join('').length > MOST_LETTERS) return () => trials.filter(({ isGivenUp }) => !isGivenUp)
  const trialsOf = new Map(keywords.map((keyword) => [keyword, [] as Trial[]]))
  for (const trial of trials) for (const keyword of new Set(trial.rule.keywords)) trialsOf.get(keyword)?.push(trial)
  const always = trials.filter(({ rule }) => rule.keywords.length === 0)
  const findKeywords = createAutomaton(keywords)
  return (bytes, from, to) => {
    const hits = findKeywords(bytes, from, to)
    const seen = new Set(hits.keywords.subarray(0, hits.count))
    const chosen = new Set([...always, ...[...seen].flatMap((at) => trialsOf.get(keywords[at] ?? '') ?? [])])
    return [...chosen].filter(({ isGivenUp }) => !isGivenUp)
  }
}

/** A part of the bytes that matches begin in, as text that goes on to both sides. */
interface Slice {
  readonly start: number
  readonly end: number
  readonly textStart: number
  readonly text: string
}

function readSlice(
  bytes: Buffer,
  { from, to, start }: { readonly from: number; readonly to: number; readonly start: number },
): Slice {
  const end = Math.min(to, start + SLICE)
  const textStart = Math.max(from, start - BEFORE)
  return { start, end, textStart, text: bytes.toString('latin1', textStart, Math.min(to, end + OWN_REACH)) }
}

function measure(trial: Trial, slice: Slice): Match[] {
  const before = process.threadCpuUsage()
  const found = findIn(trial, slice)
  const { user, system } = process.threadCpuUsage(before)
  trial.ms += (user + system) / 1000
  trial.bytes += slice.end - slice.start
  return found
}

function findIn(trial: Trial, { start, end, textStart, text }: Slice): Match[] {
  const { rule, known, pattern, knownTo } = trial
  const found: Match[] = []
  let readTo = knownTo
  pattern.lastIndex = Math.max(start, knownTo) - textStart
  for (let match = pattern.exec(text); match !== null && textStart + match.index < end; match = pattern.exec(text)) {
    readTo = textStart + pattern.lastIndex
    if (match[0] === '') pattern.lastIndex += 1
    const [secretStart, secretEnd] = secretOf(rule, match)
    const secret = text.slice(secretStart, secretEnd)
    if (secret === '' || (rule.entropy !== undefined && entropyOf(secret) <= rule.entropy)) continue
    const marks = rule.mark === undefined ? [] : [rule.mark]
    found.push({ rule: known, start: textStart + secretStart, end: textStart + secretEnd, secret, whole: match[0], marks })
  }
  trial.knownTo = readTo
  return found
}

/** Where the secret of a match is; nowhere where its group did not match. */
function secretOf({ secretGroup }: OwnRule, { 0: whole, indices }: RegExpExecArray): readonly [number, number] {
  const groups = indices?.slice(1) ?? []
  if (secretGroup > 0) return groups[secretGroup - 1] ?? [0, 0]
  const first = groups.find((group) => group !== undefined && group[0] < group[1])
  if (first !== undefined) return first
  const [from, to] = indices?.[0] ?? [0, 0]
  return [from + (/^\n*/.exec(whole)?.[0].length ?? 0), to - (/\n*$/.exec(whole)?.[0].length ?? 0)]
}
