import { availableParallelism } from 'node:os'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Worker } from 'node:worker_threads'
import { compileCacheEnv } from '../compile-cache.ts'
import { Secret } from '../secret.ts'
import { createCollection } from './collection.ts'
import type { Finding } from './finding.ts'
import type { Skipped, Work, WorkerReport, WorkerSetup } from './job.ts'
import { sureness } from './rule.ts'
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
  /** What is looked into where the work is an input; nothing unless given. */
  readonly input?: Readable
  /** Called with each secret, where they are to be verified. */
  onSecret?(fingerprint: string, secret: Secret): void
  /** Called now and then. */
  onProgress?(items: number, bytes: number): void
}

/** Each has a git of its own, so that more of them want more cores than are of use. */
const MOST_WORKERS = 4

/** THE SCAN: one work after the other is divided, workers sight, what is the same secret becomes one finding, git says where it came from. Rejects when a worker fails. */
export async function scan(works: readonly Work[], { key, input, onSecret, onProgress }: ScanOptions): Promise<Report> {
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
    await Promise.all(Array.from({ length: workers }, () => runWorker(setup, take, input)))
  }
  if (found.leftOut > 0)
    skipped.push({ what: `${found.leftOut} sightings`, why: 'there are more different secrets than are kept' })
  let findings = found.findings()
  for (const work of works) if (work.kind === 'git') findings = await attribute(work, findings)
  return { findings: findings.toSorted(byWorth), skipped, ...total }
}

/** How many objects or files there are to be looked into. */
export function countOf(work: Work): number {
  if (work.kind === 'git') return work.ids.byteLength / work.width
  if (work.kind === 'input') return 1
  return work.kind === 'files' ? work.paths.length : work.texts.length
}

async function runWorker(setup: WorkerSetup, take: (report: WorkerReport) => void, input?: Readable): Promise<void> {
  const isFed = setup.work.kind === 'input' && input !== undefined
  const env = { ...process.env, ...compileCacheEnv() }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: setup, stdin: isFed, env })
  worker.on('message', take)
  await Promise.all([endOf(worker), isFed && worker.stdin !== null ? pipeline(input, worker.stdin) : undefined])
}

function endOf(worker: Worker): Promise<void> {
  return new Promise((done, failed) => {
    worker.once('error', failed)
    worker.once('exit', (code) => (code === 0 ? done() : failed(new Error(`a worker ended with ${code}`))))
  })
}

function byWorth(one: Finding, other: Finding): number {
  return (
    sureness(other.confidence) - sureness(one.confidence) ||
    other.places.length - one.places.length ||
    (one.fingerprint < other.fingerprint ? -1 : 1)
  )
}
