import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Secret } from '../secret.ts'
import type { Finding, Place, Sighting } from './finding.ts'
import type { Skipped, Work, WorkerReport, WorkerSetup } from './job.ts'
import type { Confidence } from './rule.ts'
import { attribute } from './sources/git.ts'

/** What a scan found, and what it looked into. */
export interface Report {
  /** Worst first. */
  readonly findings: readonly Finding[]
  readonly skipped: readonly Skipped[]
  /** Places that allow-lists name; absent where there are none. */
  readonly allowed?: number
  readonly items: number
  readonly bytes: number
}

export interface ScanOptions {
  /** Names secrets: 32 bytes, the same in all scans whose findings are to be compared. */
  readonly key: Uint8Array
  /** Called with each secret, where they are to be verified. */
  onSecret?(fingerprint: string, secret: Secret): void
  /** Called now and then. */
  onProgress?(items: number, bytes: number): void
}

/** Each has a git of its own, so that more of them want more cores than are of use. */
const MOST_WORKERS = 4

/** THE SCAN: one work after the other is divided, workers sight, what is the same secret becomes one finding, git says where it came from. Rejects when a worker fails. */
export async function scan(works: readonly Work[], { key, onSecret, onProgress }: ScanOptions): Promise<Report> {
  const found = createCollection()
  const skipped: Skipped[] = []
  const total = { items: 0, bytes: 0 }
  const take = (report: WorkerReport): void => {
    if (report.kind === 'found') for (const sighting of report.sightings) found.add(sighting)
    else if (report.kind === 'skipped') skipped.push(report.skipped)
    else if (report.kind === 'secret') onSecret?.(report.fingerprint, new Secret(report.secret))
    else {
      total.items += report.items
      total.bytes += report.bytes
      onProgress?.(total.items, total.bytes)
    }
  }
  for (const work of works) {
    const workers = Math.min(MOST_WORKERS, availableParallelism(), countOf(work))
    const setup = { key, work, tellsSecrets: onSecret !== undefined }
    await Promise.all(Array.from({ length: workers }, () => runWorker(setup, take)))
  }
  let findings = found.findings()
  for (const work of works) if (work.kind === 'git') findings = await attribute(work, findings)
  return { findings: findings.toSorted(byWorth), skipped, ...total }
}

/** How many objects or files there are to be looked into. */
export function countOf(work: Work): number {
  return work.kind === 'git' ? work.ids.byteLength / work.width : work.paths.length
}

function runWorker(setup: WorkerSetup, take: (report: WorkerReport) => void): Promise<void> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: setup })
  worker.on('message', take)
  return new Promise((done, failed) => {
    worker.once('error', failed)
    worker.once('exit', (code) => (code === 0 ? done() : failed(new Error(`a worker ended with ${code}`))))
  })
}

/** Of one secret, as many places are kept; how many more there are is counted. */
const MOST_PLACES = 1000

function createCollection() {
  const known = new Map<string, { sighting: Sighting; places: Map<string, Place> }>()
  return {
    add(sighting: Sighting): void {
      const { fingerprint, place } = sighting
      const key = `${place.object}:${place.path}:${place.line}:${place.column}`
      const one = known.get(fingerprint)
      if (one === undefined) known.set(fingerprint, { sighting, places: new Map([[key, place]]) })
      else {
        if (WORTH[sighting.confidence] > WORTH[one.sighting.confidence]) one.sighting = sighting
        if (one.places.size < MOST_PLACES) one.places.set(key, place)
      }
    },
    findings: (): Finding[] =>
      [...known.values()].map(({ sighting: { place: _, ...finding }, places }) => ({ ...finding, places: [...places.values()] })),
  }
}

const WORTH: Readonly<Record<Confidence, number>> = { high: 2, medium: 1, low: 0 }

function byWorth(one: Finding, other: Finding): number {
  return (
    WORTH[other.confidence] - WORTH[one.confidence] ||
    other.places.length - one.places.length ||
    (one.fingerprint < other.fingerprint ? -1 : 1)
  )
}
