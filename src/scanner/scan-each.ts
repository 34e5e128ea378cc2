import { createCollection } from './collection.ts'
import type { Finding, Place } from './finding.ts'
import type { Work } from './job.ts'
import { type Looked, type Report, reportOf, type ScanOptions, scan } from './scan.ts'

/**
 * THE SCAN of what is had one after the other: what a work needs may be fetched when it is asked for, and be removed when the next one is. How much
 * there is of all is not known before the end. Rejects when a worker fails, and as `works` does.
 */
export async function scanEach(works: AsyncIterable<Work>, options: ScanOptions): Promise<Report> {
  const found = createCollection()
  const skipped: Looked['skipped'][number][] = []
  let [items, bytes] = [0, 0]
  for await (const work of works) {
    const report = await scan([work], {
      ...options,
      onProgress: (more, read) => options.onProgress?.(items + more, bytes + read, Number.POSITIVE_INFINITY),
    })
    items += report.items
    bytes += report.bytes
    for (const { what, why } of report.skipped) skipped.push({ what: `${'name' in work ? `${work.name}: ` : ''}${what}`, why })
    for (const finding of report.findings) found.merge(placeBehind(work, finding))
  }
  return reportOf(found.findings(), found, { items, bytes, skipped, unread: new Map(), givenUp: [] })
}

/** The finding, paths of a repository that is one of several behind its name. */
function placeBehind(work: Work, finding: Finding): Finding {
  const name = work.kind === 'git' ? work.name : undefined
  if (name === undefined) return finding
  const named = (place: Place): Place => ({ ...place, path: place.path === undefined ? name : `${name}/${place.path}` })
  return { ...finding, places: finding.places.map(named) }
}
