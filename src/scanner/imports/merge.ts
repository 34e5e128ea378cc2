import { createFingerprint, type Finding, type Place, previewOf } from '../finding.ts'
import type { Told } from './shapes.ts'

/** Of a secret as many places are kept as a scan keeps. */
const MOST_PLACES = 1000

/** A finding while it is joined. */
interface Joined {
  readonly finding: Finding
  readonly places: Place[]
  /** Of `places`. */
  readonly lines: Set<string>
  readonly tools: Set<string>
  more: number
}

/**
 * The findings with what other scanners told: what has the same secret is one finding, by its fingerprint, and says who saw it. What a report
 * has without its secret is what was found at the same line of the same path, if that is one secret alone; else a finding of its own.
 */
export function mergeTold(findings: readonly Finding[], told: readonly Told[], key: Buffer): Finding[] {
  const name = createFingerprint(key)
  const all = new Map(findings.map((finding) => [finding.fingerprint, begin(finding, 'stint')]))
  const join = (fingerprint: string, one: Told): void => {
    const known = all.get(fingerprint) ?? begin(findingOf(fingerprint, one), one.tool)
    all.set(fingerprint, known)
    add(known, one)
  }
  for (const one of told) if (one.secret !== undefined) join(name(one.secret), one)
  const lines = [...all].flatMap(([fingerprint, known]) => [...known.lines].map((line) => ({ fingerprint, line })))
  const byLine = Map.groupBy(lines, ({ line }) => line)
  for (const one of told) {
    if (one.secret !== undefined) continue
    const line = lineName(one.place)
    const [only, ...others] = byLine.get(line) ?? []
    const own = name(`not told: ${one.tool} ${one.rule} ${line}`)
    join(only !== undefined && others.length === 0 ? only.fingerprint : own, one)
  }
  return [...all.values()].map(end)
}

function begin(finding: Finding, tool: string): Joined {
  const lines = new Set(finding.places.map(lineName))
  return { finding, places: [...finding.places], lines, tools: new Set([tool]), more: finding.morePlaces ?? 0 }
}

function add(known: Joined, { tool, place }: Told): void {
  known.tools.add(tool)
  const line = lineName(place)
  if (known.lines.has(line)) return
  if (known.places.length >= MOST_PLACES) {
    known.more += 1
    return
  }
  known.lines.add(line)
  known.places.push(place)
}

function end({ finding, places, tools, more }: Joined): Finding {
  const facts = { ...finding.facts, 'seen by': [...tools].join(', ') }
  return { ...finding, facts, places, ...(more > 0 && { morePlaces: more }) }
}

function findingOf(fingerprint: string, { tool, rule, title, secret, isVerified, place }: Told): Finding {
  return {
    fingerprint,
    rule: `${tool}-${rule}`,
    provider: tool,
    title,
    confidence: isVerified ? 'high' : 'medium',
    preview: secret === undefined ? 'not in the report' : previewOf(secret),
    facts: {},
    places: [place],
  }
}

function lineName({ path, commit, line }: Place): string {
  return JSON.stringify([path?.replace(/^\.\//, ''), commit, line])
}
