import { createHash } from 'node:crypto'
import type { EntryOf } from './audit/entry.ts'
import type { FoundEntry, Search } from './audit/search.ts'
import type { Connector, Undo } from './credentials/connector.ts'
import { readUndo, undoRequest } from './credentials/undo.ts'
import { asStintError, StintError } from './errors.ts'
import type { Action, HostRule, Operation, Scheme, Target } from './model.ts'

/** One thing that a task did and that can be undone. `entry` is where the log says how, and names it. */
export interface UndoStep {
  readonly entry: number
  readonly at: string
  readonly target: string
  /** What was done, and what undoes it, as policies name them. */
  readonly did: Pick<Action, 'id' | 'resource'>
  readonly undoes: Pick<Action, 'id' | 'resource'>
  readonly isUndone: boolean
}

/** What a task changed and what cannot be undone here; `entry` is the decision. */
export interface NotUndone {
  readonly entry: number
  readonly at: string
  readonly target: string
  readonly did: Pick<Action, 'id' | 'resource'>
  readonly why: string
}

/** All that a task changed, newest first. */
export interface UndoPlan {
  readonly taskId: string
  /** SHA-256 of all steps, hex: what `apply` is told to do. Whether a step is undone already does not change it. */
  readonly digest: string
  readonly steps: readonly UndoStep[]
  readonly others: readonly NotUndone[]
}

/** A step, and all that carrying it out takes. */
export interface Prepared extends UndoStep {
  readonly place: Place
  readonly undo: Undo
}

/** What a plan is made from. */
export interface PlanVerbs {
  readonly search: Search['search']
  match(scheme: Scheme, host: string, port: number): Target | undefined
  /** Throws `unknown_action`. */
  connectorOf(target: Target): Connector
}

/** Where it was done and is undone. */
type Place = Pick<Operation, 'scheme' | 'host' | 'port'>
type Decision = EntryOf<'decision'> & { readonly index: number }
type Undoable = EntryOf<'act'> & { readonly index: number }

/** What the log says of one task. */
interface Story {
  readonly changes: readonly Decision[]
  readonly outcomes: ReadonlyMap<number, EntryOf<'outcome'>>
  readonly undoables: readonly Undoable[]
  readonly undone: ReadonlySet<string>
}

const PAGE = 500
/** What is looked through for one plan; a task that changed more is not undone step by step. */
const MAX_CHANGES = 5000

/** The acts by which the log says that something can be undone, and that it was. */
export const UNDOABLE = 'stint:Task::undoable'
export const UNDONE = 'stint:Task::undone'

/** The plan of a task, from the log and the targets as they are now. Throws `invalid_argument` for a task that changed too much. */
export async function planUndo(
  verbs: PlanVerbs,
  taskId: string,
): Promise<{ readonly plan: UndoPlan; readonly prepared: readonly Prepared[] }> {
  const story = await readStory(verbs, taskId)
  const prepared: Prepared[] = []
  const others: NotUndone[] = []
  for (const change of story.changes) {
    const { index, at, target, action: id, resource, correlationId } = change
    const did = { id, resource }
    const not = (why: string) => others.push({ entry: index, at, target: target ?? '', did, why })
    const ways = story.undoables.filter((one) => one.correlationId === correlationId)
    if (ways.length === 0) not(whyNot(change, story.outcomes.get(index)))
    for (const way of ways) {
      const step = prepare(verbs, way, did)
      if (typeof step === 'string') not(step)
      else prepared.push({ ...step, isUndone: story.undone.has(String(way.index)) })
    }
  }
  prepared.sort((one, other) => other.entry - one.entry)
  const steps = prepared.map(({ place: _, undo: __, ...step }) => step)
  return { plan: { taskId, digest: digestOf(taskId, prepared), steps, others }, prepared }
}

async function readStory({ search }: PlanVerbs, task: string): Promise<Story> {
  const changes: Decision[] = []
  const outcomes = new Map<number, EntryOf<'outcome'>>()
  const undoables: Undoable[] = []
  const undone = new Set<string>()
  const take = (entry: FoundEntry): void => {
    if (entry.kind === 'outcome') outcomes.set(entry.decision, entry)
    if (entry.kind === 'decision' && entry.effect === 'allow' && entry.access !== 'read') changes.push(entry)
    if (entry.kind === 'act' && entry.action === UNDOABLE) undoables.push(entry)
    if (entry.kind === 'act' && entry.action === UNDONE) undone.add(entry.details.entry ?? '')
  }
  for (let cursor: string | undefined; ; ) {
    const { items, next } = await search({ task, limit: PAGE, cursor })
    items.forEach(take)
    if (changes.length > MAX_CHANGES || undoables.length > MAX_CHANGES)
      throw new StintError('invalid_argument', `the task changed more than ${MAX_CHANGES} things; see \`stint audit search\``)
    if (next === undefined) return { changes, outcomes, undoables, undone }
    cursor = next
  }
}

/** The step, or why it cannot be. What the log says was written by Stint; its target may be another by now. */
function prepare(verbs: PlanVerbs, way: Undoable, did: UndoStep['did']): Omit<Prepared, 'isUndone'> | string {
  const { index: entry, at, target: id, details } = way
  const undo = readUndo(details)
  const place = readPlace(details.place ?? '')
  if (undo === undefined || place === undefined || id === null) return 'what the log says of it is not understood'
  const target = verbs.match(place.scheme, place.host, place.port)
  if (target?.id !== id) return `the target ${id} does not have ${details.place} any more`
  try {
    const { id: action, resource } = verbs.connectorOf(target).describe({ ...place, ...undoRequest(undo), query: '' }, target)
    return { entry, at, target: id, did, undoes: { id: action, resource }, place, undo }
  } catch (thrown) {
    return asStintError(thrown).detail
  }
}

function whyNot({ action, access }: Decision, outcome: EntryOf<'outcome'> | undefined): string {
  if (outcome === undefined) return 'it has not ended, or how it ended is not known'
  const { status, result } = outcome
  if (status !== null && status >= 400) return `nothing to undo: the target answered ${status}`
  if (result !== 'completed') return `it did not complete (${outcome.code ?? result}), so what it did is not known`
  if (access === 'destructive') return `no way back from ${action}: what it took away is not kept`
  return `no way back from ${action} is known from what the target answered`
}

/** `https://host:port`, as `spellPlace` has it. */
function readPlace(text: string): Place | undefined {
  const { scheme, host, port } = /^(?<scheme>https?):\/\/(?<host>[^/?#@\s]+):(?<port>\d{1,5})$/.exec(text)?.groups ?? {}
  if (host === undefined) return undefined
  return { scheme: scheme === 'https' ? 'https' : 'http', host, port: Number(port) }
}

/** A place as the log has it. */
export function spellPlace({ scheme, host, port }: HostRule): string {
  return `${scheme}://${host}:${port}`
}

function digestOf(taskId: string, prepared: readonly Prepared[]): string {
  const named = prepared.map(({ entry, target, place, undo }) => [entry, target, spellPlace(place), Object.entries(undo).sort()])
  return createHash('sha256')
    .update(JSON.stringify([taskId, named]))
    .digest('hex')
}
