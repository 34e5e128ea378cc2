import { availableParallelism } from 'node:os'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Worker } from 'node:worker_threads'
import { compileCacheEnv } from '../compile-cache.ts'
import { Secret } from '../secret.ts'
import { attribute } from './attribute.ts'
import { type Collection, createCollection } from './collection.ts'
import { byWorth, type Finding } from './finding.ts'
import type { Skipped, Work, WorkerReport, WorkerSetup } from './job.ts'
import { NOTHING_OWN, type Own } from './own/own-rules.ts'
import { openPacks, withoutSkimmed } from './packs/packs.ts'
import { SLICE } from './scan-objects.ts'
import { listObjects } from './sources/git.ts'

/** What a scan found, and what it looked into. */
export interface Report {
  /** Worst first. */
  readonly findings: readonly Finding[]
  readonly skipped: readonly Skipped[]
  /** Places that allow-lists name; absent where there are none. */
  readonly allowed?: number
  readonly items: number
  readonly bytes: number
  /** Where an earlier scan is gone on from: how many objects it looked into, and of how many secrets it found no object is left. */
  readonly earlier?: { readonly items: number; readonly gone: number }
}

export interface ScanOptions {
  /** Names secrets: 32 bytes, the same in all scans whose findings are to be compared. */
  readonly key: Uint8Array
  /** What is looked into where the work is an input; nothing unless given. */
  readonly input?: Readable
  /** What to look for besides Stint's own rules. */
  readonly own?: Own
  /** Called with each secret, where they are to be verified. */
  onSecret?(fingerprint: string, secret: Secret): void
  /** Called now and then, with what was looked into of all. */
  onProgress?(items: number, bytes: number, all: number): void
}

/** Each has a git of its own, so that more of them want more cores than are of use. */
const MOST_WORKERS = 4
/** What a worker makes lives for one object: more room for it is filled and not used again. */
const YOUNG_MB = 4

/** THE SCAN: workers look into the works, what is the same secret becomes one finding, git says where it came from. Rejects when a worker fails. */
export async function scan(works: readonly Work[], options: ScanOptions): Promise<Report> {
  const found = createCollection()
  const looked = await lookInto(works, found, options)
  let findings = found.findings()
  for (const work of works) if (work.kind === 'git') findings = await attribute(work, findings)
  return reportOf(findings, found, looked)
}

/** What workers did besides finding. */
export interface Looked {
  readonly items: number
  readonly bytes: number
  readonly skipped: readonly Skipped[]
  /** Objects of git that could not be read, and why. */
  readonly unread: ReadonlyMap<string, string>
  /** Users' rules that were not tried any more: their findings are not whole. */
  readonly givenUp: readonly Skipped[]
}

/** One work after the other is divided among workers, and what they see collected. Rejects when a worker fails. */
export async function lookInto(
  works: readonly Work[],
  found: Collection,
  { key, input, own = NOTHING_OWN, onSecret, onProgress }: ScanOptions,
): Promise<Looked> {
  const skipped: Skipped[] = []
  const unread = new Map<string, string>()
  const givenUp = new Map<string, Skipped>()
  const total = { items: 0, bytes: 0 }
  const all = works.reduce((sum, work) => sum + countOf(work), 0)
  const take = (report: WorkerReport): void => {
    if (report.kind === 'found') for (const sighting of report.sightings) found.add(sighting)
    else if (report.kind === 'skipped') skipped.push(report.skipped)
    else if (report.kind === 'unread') unread.set(report.object, report.why)
    else if (report.kind === 'given-up') givenUp.set(report.skipped.what, report.skipped)
    else if (report.kind === 'secret') onSecret?.(report.fingerprint, new Secret(report.secret))
    else {
      total.items += report.items
      total.bytes += report.bytes
      onProgress?.(total.items, total.bytes, all)
    }
  }
  async function run(work: Work): Promise<void> {
    const workers = Math.min(MOST_WORKERS, availableParallelism(), sharesOf(work))
    const setup = { key, work, own, tellsSecrets: onSecret !== undefined }
    await Promise.all(Array.from({ length: workers }, () => runWorker(setup, take, input)))
  }
  /** The work without what is skimmed, which is looked into by then. Users' rules can want anything: with them all is read. */
  async function skim(work: Work): Promise<Work> {
    if (work.kind !== 'git' || work.all === undefined) return work
    const packs = own.rules.length > 0 ? [] : await openPacks(work.repository)
    const works = packs.flatMap((pack) => pack.work ?? [])
    if (works.length === 0) return work.all === 'by-id' ? listObjects(work.repository) : work
    const before = total.items
    for (const pack of works) await run(pack)
    const left = withoutSkimmed(work, packs)
    total.items = before + countOf(work) - countOf(left) // an object can be in two packs, and trees were passed over
    return left
  }
  for (const work of works) await run(await skim(work))
  return { ...total, skipped, unread, givenUp: [...givenUp.values()] }
}

/** The findings, worst first, and what is to be said of the scan. */
export function reportOf(findings: readonly Finding[], { leftOut }: Collection, looked: Looked): Report {
  const { items, bytes } = looked
  const unread = [...looked.unread].map(([id, why]) => ({ what: `object ${id}`, why }))
  const bounds = { what: `${leftOut} sightings`, why: 'there are more different secrets than are kept' }
  const skipped = [...looked.skipped, ...unread, ...looked.givenUp, ...(leftOut > 0 ? [bounds] : [])]
  return { findings: findings.toSorted(byWorth), skipped, items, bytes }
}

/** How many objects or files there are to be looked into. */
function countOf(work: Work): number {
  if (work.kind === 'git') return work.ids.byteLength / work.width
  if (work.kind === 'input') return 1
  if (work.kind === 'pack') return work.layout.roots.length
  return work.kind === 'files' ? work.paths.length : work.texts.length
}

/** How many workers at most have something to do. */
function sharesOf(work: Work): number {
  return work.kind === 'git' ? Math.ceil(countOf(work) / SLICE) : countOf(work)
}

async function runWorker(setup: WorkerSetup, take: (report: WorkerReport) => void, input?: Readable): Promise<void> {
  const isFed = setup.work.kind === 'input' && input !== undefined
  const env = { ...process.env, ...compileCacheEnv() }
  const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB }
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: setup, stdin: isFed, env, resourceLimits })
  worker.on('message', take)
  await Promise.all([endOf(worker), isFed && worker.stdin !== null ? pipeline(input, worker.stdin) : undefined])
}

function endOf(worker: Worker): Promise<void> {
  return new Promise((done, failed) => {
    worker.once('error', failed)
    worker.once('exit', (code) => (code === 0 ? done() : failed(new Error(`a worker ended with ${code}`))))
  })
}
