import { mkdirSync } from 'node:fs'
import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { StintError } from '../errors.ts'
import { placeAt } from './attribute.ts'
import { createCollection } from './collection.ts'
import type { Finding } from './finding.ts'
import type { GitWork, Work } from './job.ts'
import { digestRules } from './past/digest-rules.ts'
import { forgetUnused } from './past/forget.ts'
import { isWhole, type Location } from './past/locate.ts'
import { idsAfter, type Resumed, resume } from './past/resume.ts'
import { nameOfState, readState, type State, writeState } from './past/state.ts'
import { traceOrigins } from './past/trace-origins.ts'
import { type Looked, lookInto, type Report, reportOf, type ScanOptions } from './scan.ts'
import { workOf } from './sources/git.ts'

interface HistoryOptions extends ScanOptions {
  readonly repository: string
  readonly location: Location
  /** Of states. Made where it is not there. */
  readonly directory: string
  /** An earlier state is not looked at. */
  readonly isFresh: boolean
  /** Hears why a state is not used, or none kept. */
  onRemark(line: string): void
}

/**
 * THE SCAN of a whole history, and of files beside it: what an earlier scan looked into with the same rules is not looked into again, and what
 * this one did is kept for the next. Rejects when a worker fails, or with GitError.
 */
export async function scanHistory(files: readonly Work[], options: HistoryOptions): Promise<Report> {
  const { repository, location } = options
  const rules = digestRules(options.own)
  const read = await readEarlier(rules, options)
  const past = await resume(repository, location, read)
  const found = createCollection()
  for (const finding of past.earlier?.findings ?? []) found.merge(finding)
  const looked = await lookInto([past.work], found, options)
  const state = await stateAfter(past, found.findings(), { looked, rules, options })
  if (isSame(read, past, state)) await keep(undefined, options)
  else if (found.leftOut === 0 && looked.givenUp.length === 0) await keep(state, options)
  if (past.earlier !== undefined) await tellSecrets(past.earlier, past.work, options)
  const rest = await lookInto(files, found, goOn(options, looked))
  const report = reportOf(placeAt(found.findings(), state.origins), found, {
    items: looked.items + rest.items,
    bytes: looked.bytes + rest.bytes,
    skipped: [...state.skipped, ...rest.skipped],
    unread: looked.unread,
    givenUp: [...looked.givenUp, ...rest.givenUp],
  })
  return past.earlier === undefined ? report : { ...report, earlier: { items: past.known, gone: past.gone } }
}

async function readEarlier(
  rules: string,
  { key, location, directory, isFresh, onRemark }: HistoryOptions,
): Promise<State | undefined> {
  if (isFresh) return undefined
  const name = nameOfState(key, location.directory)
  const read = await readState(join(directory, name), name, key, rules)
  if (typeof read !== 'string') return read
  onRemark(`What an earlier scan kept is not used, so that everything is looked into: ${read}.`)
  return undefined
}

/** Undefined for what is kept already. */
async function keep(state: State | undefined, { key, location, directory, onRemark }: HistoryOptions): Promise<void> {
  const name = nameOfState(key, location.directory)
  const file = join(directory, name)
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (state === undefined) await utimes(file, new Date(), new Date())
    else if (!(await writeState(file, name, key, state))) onRemark('Too much was found to be kept for the next scan.')
    await forgetUnused(directory)
  } catch (thrown) {
    onRemark(`What is kept for the next scan could not be written, so that it may look into everything: ${whyOf(thrown)}.`)
  }
}

interface Outcome {
  readonly looked: Looked
  readonly rules: string
  readonly options: HistoryOptions
}

/** An object that could not be read is as if it had not been looked at. */
async function stateAfter(past: Resumed, found: readonly Finding[], { looked, rules, options }: Outcome): Promise<State> {
  const { earlier, tips } = past
  const { repository, location } = options
  const isWholeNow = await isWhole(location)
  const tracing = earlier?.isWhole && isWholeNow ? { tips, earlier } : { tips }
  const findings = found.map((finding) => {
    return { ...finding, places: finding.places.filter(({ object = '' }) => !looked.unread.has(object)) }
  })
  return {
    rules,
    ids: idsAfter(past, [...looked.unread.keys()]),
    findings: findings.filter(({ places }) => places.length > 0),
    skipped: [...(earlier?.skipped ?? []), ...looked.skipped],
    origins: await traceOrigins(repository, found, tracing),
    tips,
    isWhole: isWholeNow && looked.unread.size === 0,
  }
}

/** True where the next scan would find in the new state what is in the one that was read. */
function isSame(read: State | undefined, { work, earlier }: Resumed, state: State): boolean {
  if (read === undefined || earlier !== read || work.ids.byteLength > 0) return false
  return state.isWhole === read.isWhole && state.tips.symmetricDifference(read.tips).size === 0
}

/** The secrets of earlier findings are not kept: each is read again from one of its objects. */
async function tellSecrets({ findings }: State, { repository, width }: GitWork, options: HistoryOptions): Promise<void> {
  const { key, own, onSecret } = options
  if (onSecret === undefined || findings.length === 0) return
  const objects = new Set(findings.map(({ places }) => places[0]?.object ?? ''))
  const ids = Buffer.from([...objects].join(''), 'hex')
  await lookInto([workOf(repository, ids, width)], createCollection(), { key, ...(own !== undefined && { own }), onSecret })
}

/** Progress goes on where it was. */
function goOn(options: ScanOptions, { items, bytes }: Looked): ScanOptions {
  const { onProgress } = options
  if (onProgress === undefined) return options
  return { ...options, onProgress: (more, moreBytes, all) => onProgress(items + more, bytes + moreBytes, items + all) }
}

function whyOf(thrown: unknown): string {
  if (thrown instanceof StintError) return thrown.detail
  if (thrown instanceof Error && 'code' in thrown) return thrown.message
  throw thrown
}
