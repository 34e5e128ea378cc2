import { setTimeout as sleep } from 'node:timers/promises'
import type { Disk } from './disk.ts'
import { type Edge, hashLeaves } from './edge.ts'
import { AuditError } from './error.ts'
import { createEncoder, isEntrySized, type Journal } from './journal.ts'
import { createJournals } from './journals.ts'
import type { Publisher } from './publish.ts'
import { systemEntry } from './spell.ts'
import { TILE_WIDTH } from './tiles.ts'

/** Numbers for /metrics: entries durable, entries under a signed checkpoint, batches written, outages, appends refused, entries waiting. */
export interface Counters {
  readonly entries: number
  readonly published: number
  readonly batches: number
  readonly outages: number
  readonly refused: number
  readonly waiting: number
}

interface WriterOptions {
  readonly disk: Disk
  readonly directory: string
  readonly edge: Edge
  readonly publisher: Publisher
  readonly generation: number
  readonly published: { readonly note: string; readonly size: number } | undefined
  now(): number
  readonly checkpointMs: number
  onFailure(error: unknown): void
  /** How long each batch took to become durable. */
  onWritten(seconds: number): void
}

/** An entry on its way. One that nobody waits for has no `settle`, and is kept when a write fails. */
interface Waiting {
  readonly entry: string
  readonly settle?: { resolve(index: number): void; reject(error: unknown): void }
}

/** Enough for a group commit, few enough that hashing a batch does not hold up the event loop. */
const MAX_BATCH = 1024
/** Entries that are published at once rather than at the next interval. */
const PUBLISH_ENTRIES = 32 * TILE_WIDTH
/** When publishing is this far behind, appends wait for it; it bounds memory. */
const BACKLOG_BYTES = 64 << 20
const RETRY_MS = { first: 100, longest: 5000 }

/**
 * The one writer of a log. Appends that wait are written as one batch with one fdatasync while the next gather. Any failure to write
 * makes the log unavailable; it then tries, with growing pauses, to carry everything over into a new journal, because after a failed
 * write or fsync nobody knows what the old one holds.
 */
export function createWriter(options: WriterOptions) {
  const { edge, publisher, now } = options
  const journals = createJournals(options)
  const growth = createGrowth()
  const totals = { batches: 0, outages: 0, refused: 0 }
  const encodeBatch = createEncoder() // one batch at a time is on its way
  const closing = new AbortController()
  let healthy = true
  let closed = false
  let waiting: Waiting[] = []
  let inFlight = 0
  let published = options.published
  let running: Promise<void> | undefined
  let publishing: Promise<void> | undefined
  let restoring: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  function start(): void {
    running ??= run().finally(() => {
      running = undefined
      if (waiting.length > 0 && healthy && !closed) start()
    })
  }

  async function run(): Promise<void> {
    await turn()
    while (waiting.length > 0 && healthy) {
      if (edge.bytes() > BACKLOG_BYTES) await publish()
      else await commitNext()
      await turn()
    }
  }

  async function commitNext(): Promise<void> {
    const journal = journals.current()
    if (journal === undefined) await guarded(journals.replace)
    else await commit(journal, waiting.splice(0, MAX_BATCH))
  }

  async function commit(into: Journal, batch: readonly Waiting[]): Promise<void> {
    const first = edge.size()
    const { bytes, body, spans } = encodeBatch(
      first,
      batch.map(({ entry }) => entry),
    )
    inFlight = batch.length
    const startedAt = performance.now()
    const written = into.append(bytes)
    edge.settle() // this and the next while the thread pool writes
    const leaves = hashLeaves(body, spans)
    try {
      await written
    } catch (error) {
      fail(error, batch)
      return
    } finally {
      inFlight = 0
    }
    options.onWritten((performance.now() - startedAt) / 1000)
    edge.add(body, spans, leaves)
    totals.batches++
    batch.forEach(({ settle }, i) => {
      settle?.resolve(first + i)
    })
    growth.wake()
    if (edge.size() - edge.first() >= PUBLISH_ENTRIES) void publish()
    else timer ??= setTimeout(publish, options.checkpointMs).unref()
  }

  /** Publishes the tree as it is; one at a time. A failure makes the log unavailable. */
  function publish(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    if (!healthy) return Promise.resolve()
    publishing ??= guarded(publishNow).finally(() => {
      publishing = undefined
    })
    return publishing
  }

  async function publishNow(): Promise<void> {
    const snapshot = edge.snapshot()
    if (snapshot.size === published?.size) return
    const note = await publisher.publish(snapshot)
    edge.release(snapshot)
    published = { note, size: snapshot.size }
  }

  async function guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      fail(error, [])
    }
  }

  function fail(error: unknown, unwritten: readonly Waiting[]): void {
    options.onFailure(error)
    const all = [...unwritten, ...waiting]
    waiting = all.filter(({ settle }) => settle === undefined)
    for (const { settle } of all) {
      if (settle !== undefined) totals.refused++
      settle?.reject(unavailable(error))
    }
    if (!healthy) return
    healthy = false
    totals.outages++
    if (closing.signal.aborted) return
    restoring = restore(now()).finally(() => {
      restoring = undefined
    })
  }

  async function restore(since: number): Promise<void> {
    await Promise.all([running, publishing])
    for (let pause = RETRY_MS.first; !healthy && !closing.signal.aborted; pause = Math.min(pause * 2, RETRY_MS.longest)) {
      await sleep(pause, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
      if (!closing.signal.aborted) healthy = await isRestored()
    }
    if (healthy)
      appendLater(systemEntry(now(), 'log_recovered', `the log could not be written from ${new Date(since).toISOString()} on`))
  }

  async function isRestored(): Promise<boolean> {
    try {
      await journals.replace()
      await publishNow()
      return true
    } catch (error) {
      options.onFailure(error)
      return false
    }
  }

  function append(entry: string): Promise<number> {
    if (!healthy || closing.signal.aborted) {
      totals.refused++
      return Promise.reject(unavailable('it failed before, or is closing'))
    }
    if (!isEntrySized(entry)) return Promise.reject(new RangeError('an entry has more than 65,535 bytes'))
    return new Promise((resolve, reject) => {
      waiting.push({ entry, settle: { resolve, reject } })
      start()
    })
  }

  function appendLater(entry: string): void {
    if (!isEntrySized(entry)) throw new RangeError('an entry has more than 65,535 bytes')
    if (closed) throw unavailable('it is closed')
    waiting.push({ entry })
    if (healthy) start()
  }

  async function close(): Promise<void> {
    closing.abort()
    await Promise.all([running, restoring])
    await publishing
    if (!healthy) healthy = await isRestored()
    await run()
    await publishing
    await publish()
    if (healthy) await guarded(journals.replace) // a short one, for a quick start
    closed = true
    clearTimeout(timer)
    await journals.close()
    growth.wake()
    if (!healthy) throw unavailable(`${waiting.length} entries could not be written before it closed`)
  }

  return {
    append,
    appendLater,
    begin: () => guarded(journals.replace),
    close,
    size: () => edge.size(),
    grown(size: number): Promise<boolean> {
      return edge.size() > size || closed ? Promise.resolve(!closed) : growth.next().then(() => !closed)
    },
    async checkpoint(): Promise<string> {
      await publishing
      await publish()
      if (!healthy || published === undefined) throw unavailable('it failed before')
      return published.note
    },
    status: (): 'ok' | 'unavailable' => (healthy && !closing.signal.aborted ? 'ok' : 'unavailable'),
    counters: (): Counters => ({
      ...totals,
      entries: edge.size(),
      published: published?.size ?? 0,
      waiting: waiting.length + inFlight,
    }),
  }
}

/** Whoever waits for the log to grow. */
function createGrowth() {
  let watchers: (() => void)[] = []
  return {
    next: (): Promise<void> => new Promise((resolve) => watchers.push(resolve)),
    wake(): void {
      const woken = watchers
      watchers = []
      for (const watcher of woken) watcher()
    },
  }
}

function unavailable(cause: unknown): AuditError {
  return new AuditError('audit_unavailable', 'the log cannot be written now', { cause })
}

/** Lets the event loop take in what has arrived, so that it joins the next batch. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
