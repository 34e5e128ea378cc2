import type { Finding, Place } from '../finding.ts'

/** What is known and meant: a place for which all that is given holds. */
export interface Allow {
  readonly rules?: ReadonlySet<string>
  readonly fingerprints?: ReadonlySet<string>
  readonly commits?: ReadonlySet<string>
  readonly isPath?: (path: string) => boolean
  /** What the place is marked with: an entry's words stand there. */
  readonly mark?: string
  /** Where it stands in the file. */
  readonly line?: number
  /** What holds for a place holds for the same secret anywhere in the same file: the entry names a secret that was looked at there. */
  readonly isOfFile?: true
}

/** The findings without the places that are allowed, and how many those are. */
export function withoutAllowed(findings: readonly Finding[], allows: readonly Allow[]): { findings: Finding[]; allowed: number } {
  const kept = findings.map((finding) => {
    const files = new Set(
      finding.places.flatMap((place) =>
        allows.some((allow) => allow.isOfFile && holds(allow, finding, place)) ? place.path : [],
      ),
    )
    const isAllowed = (place: Place): boolean =>
      (place.path !== undefined && files.has(place.path)) || allows.some((allow) => holds(allow, finding, place))
    return { ...finding, places: finding.places.filter((place) => !isAllowed(place)) }
  })
  return { findings: kept.filter(({ places }) => places.length > 0), allowed: placesOf(findings) - placesOf(kept) }
}

function holds(
  { rules, fingerprints, commits, isPath, mark, line }: Allow,
  { rule, fingerprint }: Finding,
  place: Place,
): boolean {
  if (rules !== undefined && !rules.has(rule)) return false
  if (fingerprints !== undefined && !fingerprints.has(fingerprint)) return false
  if (commits !== undefined && !(place.commit !== undefined && commits.has(place.commit))) return false
  if (isPath !== undefined && !(place.path !== undefined && isPath(place.path))) return false
  if (mark !== undefined && !place.marks?.includes(mark)) return false
  return line === undefined || line === place.line
}

/** The findings without the marks of their places, which have done their work. */
export function withoutMarks(findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => ({ ...finding, places: finding.places.map(({ marks: _, ...place }) => place) }))
}

function placesOf(findings: readonly Finding[]): number {
  return findings.reduce((sum, { places }) => sum + places.length, 0)
}
