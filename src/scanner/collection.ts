import type { Finding, Place, Sighting } from './finding.ts'
import { sureness } from './rule.ts'

/** How much is kept, since a file can be made to hold any number of secrets that are none. */
export interface Bounds {
  readonly findings: number
  readonly places: number
}

const BOUNDS: Bounds = { findings: 100_000, places: 1000 }

/** What was sighted, by secret. */
export interface Collection {
  add(sighting: Sighting): void
  /** All that another scan says of one secret. */
  merge(finding: Finding): void
  findings(): Finding[]
  /** Sightings of secrets that were too many to be kept. */
  readonly leftOut: number
}

/** Nothing yet. Of places that are too many for one secret, the finding says how many there are. */
export function createCollection(bounds: Bounds = BOUNDS): Collection {
  const known = new Map<string, { sighting: Sighting; places: Map<string, Place>; more: number }>()
  let leftOut = 0
  const collection: Collection = {
    add(sighting) {
      const { fingerprint, place } = sighting
      const key = keyOf(place)
      const one = known.get(fingerprint)
      if (one === undefined && known.size >= bounds.findings) leftOut += 1
      else if (one === undefined) known.set(fingerprint, { sighting, places: new Map([[key, place]]), more: 0 })
      else {
        if (sureness(sighting.confidence) > sureness(one.sighting.confidence)) one.sighting = sighting
        if (one.places.has(key) || one.places.size < bounds.places)
          one.places.set(key, withCommonMarks(place, one.places.get(key)))
        else one.more += 1
      }
    },
    merge({ places, morePlaces = 0, ...finding }) {
      for (const place of places) collection.add({ ...finding, place })
      const one = known.get(finding.fingerprint)
      if (one !== undefined) one.more += morePlaces
    },
    findings: () =>
      [...known.values()].map(({ sighting: { place: _, ...finding }, places, more }) => {
        return { ...finding, places: [...places.values()], ...(more > 0 && { morePlaces: more }) }
      }),
    get leftOut() {
      return leftOut
    },
  }
  return collection
}

/** Seen there by two rules, a place has the marks that both found: what is allowed to one of them is still found by the other. */
function withCommonMarks(place: Place, earlier: Place | undefined): Place {
  if (earlier === undefined || (place.marks === undefined && earlier.marks === undefined)) return place
  const { marks: _, ...rest } = place
  const marks = (place.marks ?? []).filter((mark) => earlier.marks?.includes(mark))
  return marks.length === 0 ? rest : { ...rest, marks }
}

function keyOf({ object, commit, path, line, column }: Place): string {
  return `${object}:${commit}:${path}:${line}:${column}`
}
