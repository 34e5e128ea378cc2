import { type Entry, parseEntry } from './entry.ts'
import { AuditError } from './error.ts'
import { type Summary, summarise, TERM_FIELDS, type TermField, termOf } from './summary.ts'
import { splitBundle, TILE_WIDTH, tileWidth } from './tiles.ts'

/** Which entries: all that is given must hold. Texts match exactly, but `text`, which is found anywhere in the entry in any case. */
export type EntryFilter = { readonly [F in TermField]?: string | undefined } & {
  /** Epoch milliseconds, inclusive, up to LATEST. */
  readonly since?: number | undefined
  readonly until?: number | undefined
  readonly text?: string | undefined
}

/** An entry and its place in the log. */
export type FoundEntry = Entry & { readonly index: number }

export interface FoundPage {
  readonly items: readonly FoundEntry[]
  /** Where to go on; absent when there is nothing older. A page may be short and still have one. */
  readonly next?: string
}

export interface Search {
  /**
   * Newest first. `cursor` is the `next` of the page before; throws `invalid_argument` for anything else, and for a time that is none.
   * One call reads at most 2048 bundles, so that no question holds up the process for long.
   */
  search(filter: EntryFilter & { readonly limit: number; readonly cursor?: string | undefined }): Promise<FoundPage>
  /** Throws `not_found`. */
  entry(index: number): Promise<FoundEntry>
  /** Entries from index `from` on (from the next one, unless given), then new ones as they become durable, until `signal` aborts. */
  tail(filter: EntryFilter & { readonly from?: number | undefined }, signal: AbortSignal): AsyncIterable<FoundEntry>
}

/** What is searched: a Log is one. */
export interface Searchable {
  size(): number
  bundle(index: number): Promise<Buffer>
  grown(size: number): Promise<boolean>
}

const BUNDLES_PER_CALL = 2048
/** The most that a clock is taken to have been set back between two entries. */
const CLOCK_STEP_MS = 3_600_000
/** The last millisecond of the year 9999: the times of entries, which have four digits for the year, compare as texts up to here. */
export const LATEST = 253_402_300_799_999

/**
 * Search over a log. There is no stored index: a full bundle that was read once is remembered by a summary of 256 bytes (10 MB for ten
 * million entries), by which later searches skip it. The first search over an old stretch reads it, at some 200,000 entries/s; `text`
 * always reads.
 */
export function openSearch(log: Searchable): Search {
  const summaries = new Map<number, Summary>()

  async function read(index: number, wanted: Wanted): Promise<FoundEntry[]> {
    const size = log.size()
    const bundle = await log.bundle(index)
    const width = tileWidth('entries', index, size)
    if (width === TILE_WIDTH && !summaries.has(index)) summaries.set(index, summarise(bundle.toString()))
    return findIn(bundle, index, width, wanted)
  }

  function canSkip(index: number, { terms, since, until }: Wanted): boolean {
    const summary = summaries.get(index)
    if (summary === undefined) return false
    return summary.latest < since || summary.earliest > until || !terms.every(summary.mayHold)
  }

  async function search({ limit, cursor, ...filter }: Parameters<Search['search']>[0]): Promise<FoundPage> {
    const wanted = wantedBy(filter)
    const items: FoundEntry[] = []
    const before = cursor === undefined ? log.size() : Math.min(readCursor(cursor), log.size())
    let left = BUNDLES_PER_CALL
    for (let index = Math.ceil(before / TILE_WIDTH) - 1; index >= 0; index--) {
      if (canSkip(index, wanted)) continue
      if (left-- === 0) return { items, next: String((index + 1) * TILE_WIDTH) }
      if (isBefore(summaries.get(index + 1), filter.since)) return { items }
      for (const entry of (await read(index, wanted)).reverse()) {
        if (entry.index >= before) continue
        items.push(entry)
        if (items.length >= limit) return entry.index === 0 ? { items } : { items, next: String(entry.index) }
      }
      await turn()
    }
    return { items }
  }

  /** A clock may have been set back, so entries a while before `since` are still looked at. */
  function isBefore(summary: Summary | undefined, since: number | undefined): boolean {
    return summary !== undefined && since !== undefined && Date.parse(summary.latest) + CLOCK_STEP_MS < since
  }

  async function* tail({ from, ...filter }: Parameters<Search['tail']>[0], signal: AbortSignal): AsyncGenerator<FoundEntry> {
    const wanted = wantedBy(filter)
    let next = from ?? log.size()
    for (let open = true; open && !signal.aborted; open = await grown(log, next, signal)) {
      while (next < log.size() && !signal.aborted) {
        const index = Math.floor(next / TILE_WIDTH)
        const end = Math.min((index + 1) * TILE_WIDTH, log.size())
        const first = next
        if (!canSkip(index, wanted))
          yield* (await read(index, wanted)).filter((entry) => entry.index >= first && entry.index < end)
        next = end
        await turn()
      }
    }
  }

  async function entry(index: number): Promise<FoundEntry> {
    const bundle = Math.floor(index / TILE_WIDTH)
    const isThere = Number.isSafeInteger(index) && index >= 0 && index < log.size()
    const found = isThere ? (await read(bundle, wantedBy({}))).find((one) => one.index === index) : undefined
    if (found === undefined) throw new AuditError('not_found', `there is no entry ${index}`)
    return found
  }

  return { search, entry, tail }
}

/** A filter made ready: terms and text as the entries spell them, times as texts. */
interface Wanted {
  readonly filter: EntryFilter
  readonly terms: readonly string[]
  readonly since: string
  readonly until: string
  readonly text: string
}

function wantedBy(filter: EntryFilter): Wanted {
  const terms = TERM_FIELDS.flatMap((field) => {
    const value = filter[field]
    return value === undefined ? [] : [termOf(field, value)]
  })
  const since = filter.since === undefined ? '' : timeOf('since', filter.since)
  const until = filter.until === undefined ? '~' : timeOf('until', filter.until)
  return {
    filter,
    terms,
    since,
    until,
    text: JSON.stringify(filter.text ?? '')
      .slice(1, -1)
      .toLowerCase(),
  }
}

function timeOf(field: string, ms: number): string {
  if (Number.isInteger(ms) && ms >= 0 && ms <= LATEST) return new Date(ms).toISOString()
  throw new AuditError('invalid_argument', `${field} takes epoch milliseconds from 0 to ${LATEST}`)
}

/** The wanted entries of a bundle, oldest first. */
function findIn(bundle: Buffer, index: number, width: number, wanted: Wanted): FoundEntry[] {
  if (!wanted.terms.every((term) => bundle.includes(term))) return []
  const spans = splitBundle(bundle.subarray(0, lengthOf(bundle, width)), width, `bundle ${index}`)
  const found: FoundEntry[] = []
  for (let i = 0; i < width; i++) {
    const bytes = bundle.subarray(spans[i * 2], spans[i * 2 + 1])
    const json = bytes.toString()
    if (!wanted.terms.every((term) => json.includes(term))) continue
    if (wanted.text !== '' && !json.toLowerCase().includes(wanted.text)) continue
    const number = index * TILE_WIDTH + i
    const entry = parseEntry(bytes, `entry ${number}`)
    if (entry.at >= wanted.since && entry.at <= wanted.until && holds(entry, wanted.filter))
      found.push({ index: number, ...entry })
  }
  return found
}

/** The length of the first `count` entries: a bundle may have grown since the size was looked at. */
function lengthOf(bundle: Buffer, count: number): number {
  let at = 0
  for (let i = 0; i < count && at + 2 <= bundle.length; i++) at += 2 + bundle.readUInt16BE(at)
  return Math.min(at, bundle.length)
}

function holds(entry: Entry, filter: EntryFilter): boolean {
  const values: Readonly<Record<string, unknown>> = { ...entry }
  return TERM_FIELDS.every((field) => filter[field] === undefined || filter[field] === values[field])
}

function readCursor(cursor: string): number {
  const at = /^\d{1,15}$/.test(cursor) ? Number(cursor) : Number.NaN
  if (Number.isNaN(at)) throw new AuditError('invalid_argument', 'cursor takes the `next` of the page before')
  return at
}

function grown(log: Searchable, size: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false)
  return new Promise((resolve, reject) => {
    const stop = () => resolve(false)
    signal.addEventListener('abort', stop, { once: true })
    log
      .grown(size)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', stop))
  })
}

/** Lets others run between bundles. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
