import type { Finding, Place } from './finding.ts'
import type { GitWork } from './job.ts'
import { findOrigins, headsOf, listTips, type Origin, type Origins } from './sources/origins.ts'

/**
 * The findings with the commits that brought their objects in. What no commit has yet is where the work says; else it is left as it is.
 * Rejects with GitError.
 */
export async function attribute({ repository, paths }: GitWork, findings: readonly Finding[]): Promise<Finding[]> {
  if (paths !== undefined)
    return findings.map((finding) => ({ ...finding, places: finding.places.flatMap((place) => placesAt(place, paths)) }))
  const { objects, commits } = wantedOf(findings)
  const origins = await findOrigins(repository, objects, { tips: await listTips(repository) })
  return placeAt(findings, new Map([...origins, ...(await headsOf(repository, [...commits]))]))
}

/** The objects that findings stand in: commits, and all others. */
export function wantedOf(findings: readonly Finding[]): { objects: ReadonlySet<string>; commits: ReadonlySet<string> } {
  const places = findings.flatMap((finding) => finding.places)
  return {
    objects: new Set(places.flatMap(({ object = [], commit }) => (commit === undefined ? object : []))),
    commits: new Set(places.flatMap(({ commit = [] }) => commit)),
  }
}

/** The findings where their objects came from: for each path of an object the first commit that brought it in, and the last. */
export function placeAt(findings: readonly Finding[], origins: Origins): Finding[] {
  return findings.map((finding) => {
    return { ...finding, places: finding.places.flatMap((place) => placesOf(place, origins.get(place.object ?? '') ?? [])) }
  })
}

function placesAt(place: Place, paths: ReadonlyMap<string, readonly string[]>): Place[] {
  return (paths.get(place.object ?? '') ?? []).map((path) => ({ ...place, path: `${path}${place.path ?? ''}` }))
}

function placesOf(place: Place, origins: readonly Origin[]): Place[] {
  if (place.object === undefined) return [place]
  if (origins.length === 0) return [place.path === undefined ? place : { ...place, path: `object ${place.object}${place.path}` }]
  const paths = Map.groupBy(origins.toSorted(byTime), ({ path }) => path)
  return [...paths.values()].flatMap((ones) => {
    const [first, last] = [ones[0], ones.at(-1)]
    return [first, ...(first === last ? [] : [last])].flatMap((one) => (one === undefined ? [] : [withOrigin(place, one)]))
  })
}

/** The same in whatever order git named them. */
function byTime(one: Origin, other: Origin): number {
  return Date.parse(one.date) - Date.parse(other.date) || (one.commit < other.commit ? -1 : 1)
}

function withOrigin(place: Place, { path, ...origin }: Origin): Place {
  const whole = `${path}${place.path ?? ''}`
  return { ...place, ...origin, ...(whole !== '' && { path: whole }) }
}
