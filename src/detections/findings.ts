import { randomUUID } from 'node:crypto'
import type { Detection, Detections } from '../config.ts'
import type { Raise, Task } from '../model.ts'
import type { Store } from '../store/store.ts'
import { createDetectors, type Detectors, type Noticed } from './detect.ts'
import { type Finding, KINDS } from './finding.ts'
import { type FindingFilter, findingsSince, insertFinding, isNewPair, listFindings } from './finding-rows.ts'

/** What the findings need of the rest. */
export interface FindingVerbs {
  readonly actions: Detections
  /** The live task, with the ids of those above it, nearest first; undefined for one that ended. */
  live(taskId: string): { readonly task: Task; readonly ancestors: readonly string[] } | undefined
  now(): number
  /** For the operator's log, the metrics and the audit log. */
  told(finding: Finding): void
  report(thrown: unknown): void
}

/** IS IT AS USUAL? What was noticed about tasks: kept, told, raising their risk for a while, revoking where the settings say so. */
export interface Findings {
  /** Takes note of a decision. Costs a map lookup; what it leads to goes on by itself. */
  decided: (...seen: Parameters<Detectors['decided']>) => void
  usedAfterEnd(taskId: string): void
  rejectedProof(taskId: string, why: string): void
  /** A credential that is sealed for emergencies was opened to the task. */
  brokeGlass(taskId: string, targetId: string, detail: string): void
  /** What raises the risk of the task's tree now, from memory. */
  raising(root: string): readonly Raise[]
  /** The same, as of then. Throws `store_unavailable`. */
  raisingThen(root: string, at: number): Promise<readonly Raise[]>
  list(filter: FindingFilter): Promise<{ items: Finding[]; next?: string }>
  /** Who revokes the task of a finding. */
  onRevoke(revoke: (finding: Finding) => Promise<unknown>): void
  /** The task ended. */
  forget(taskId: string): void
}

/** What was last answered about a tree, which holds until then (epoch milliseconds). */
interface Said {
  readonly raises: readonly Raise[]
  readonly until: number
}

const NONE: readonly Raise[] = []
/** Of one tree; more of them raise nothing more. */
const MAX_RAISES = 8
const LONGEST_MS = 60_000 * Math.max(...Object.values(KINDS).map(({ minutes }) => minutes))

/** Reads what raises the risk of live tasks, and follows what other gateways find. */
export async function openFindings(store: Store, verbs: FindingVerbs): Promise<Findings> {
  const { now, report } = verbs
  const detectors = createDetectors(now)
  const raises = new Map<string, Map<Detection, number>>()
  const said = new Map<string, Said>() // asked for with each request, and the same for minutes
  let revoke: (finding: Finding) => Promise<unknown> = async () => undefined
  const raise = ({ rootId, kind, at }: Finding): void => {
    const { points, minutes } = KINDS[kind]
    const until = at + minutes * 60_000
    if (points === 0 || until <= now() || verbs.live(rootId) === undefined) return
    const known = raises.get(rootId) ?? new Map<Detection, number>()
    said.delete(rootId)
    if (known.size < MAX_RAISES) raises.set(rootId, known.set(kind, Math.max(until, known.get(kind) ?? 0)))
  }
  const readNew = async (): Promise<void> => {
    for (const finding of await findingsSince(store, now() - LONGEST_MS)) raise(finding)
  }
  store.watch('finding', readNew)
  await readNew()
  return {
    decided: (seen) => take(detectors.decided(seen)),
    usedAfterEnd: (taskId) => take(detectors.usedAfterEnd(taskId)),
    rejectedProof: (taskId, why) => take(verbs.live(taskId) === undefined ? [] : detectors.rejectedProof(taskId, why)),
    brokeGlass: (taskId, targetId, detail) => take([{ kind: 'break-glass', taskId, targetId, detail }]),
    raising(root) {
      const known = raises.size === 0 ? undefined : raises.get(root)
      return known === undefined ? NONE : sayOnce(root, known)
    },
    async raisingThen(root, at) {
      const then = await findingsSince(store, at - LONGEST_MS, root)
      const counted = then.filter((one) => one.at < at && at < one.at + KINDS[one.kind].minutes * 60_000)
      return sayRaises(counted.map(({ kind }) => kind))
    },
    list: (filter) => listFindings(store, filter),
    onRevoke(how) {
      revoke = how
    },
    forget(taskId) {
      raises.delete(taskId)
      said.delete(taskId)
    },
  }

  function sayOnce(root: string, known: ReadonlyMap<Detection, number>): readonly Raise[] {
    const last = said.get(root)
    if (last !== undefined && now() < last.until) return last.raises
    const counted = [...known].filter(([, until]) => until > now())
    const next = { raises: sayRaises(counted.map(([kind]) => kind)), until: Math.min(...counted.map(([, until]) => until)) }
    said.set(root, next)
    return next.raises
  }

  function take(noticed: readonly Noticed[]): void {
    for (const one of noticed) keep(one).catch(report)
  }

  async function keep(noticed: Noticed): Promise<void> {
    const { kind, taskId, targetId = '' } = noticed
    const live = verbs.live(taskId)
    if (kind === 'new-target' && (live === undefined || !(await isNew(live.task.workload, targetId)))) return
    const rootId = live?.ancestors.at(-1) ?? taskId
    const found: Finding = { ...noticed, id: `finding_${randomUUID().replaceAll('-', '')}`, rootId, at: now(), revoked: false }
    raise(found)
    const finding = { ...found, revoked: live !== undefined && (await revokes(found)) }
    verbs.told(finding)
    await insertFinding(store, finding)
  }

  /** Whether it did: a finding says no more than what happened. */
  async function revokes(finding: Finding): Promise<boolean> {
    if (verbs.actions[finding.kind]?.action !== 'revoke') return false
    try {
      await revoke(finding)
      return true
    } catch (thrown) {
      report(thrown)
      return false
    }
  }

  /** Across restarts and gateways; asked of the store once for a pair. */
  async function isNew(workload: string, targetId: string): Promise<boolean> {
    return detectors.isFirst(workload, targetId) && (await isNewPair(store, { workload, targetId, at: now() }))
  }
}

function sayRaises(kinds: readonly Detection[]): readonly Raise[] {
  return [...new Set(kinds)].flatMap((kind) => {
    const { points, because } = KINDS[kind]
    return points === 0 ? [] : [{ points, because }]
  })
}
