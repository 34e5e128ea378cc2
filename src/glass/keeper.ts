import { createDeadlines } from '../deadlines.ts'
import { StintError } from '../errors.ts'
import type { Target, Task } from '../model.ts'
import { createTurns } from '../store/turns.ts'
import type { DrillStep } from './drill.ts'
import { type Change, isUnderWay, isUnsettled, type Opening, type Renewal } from './opening.ts'
import type { GlassRows } from './rows.ts'
import { isSealedFor, type Seal } from './seal.ts'

/** What people have said to the question of an opening. Times are epoch milliseconds. */
export interface Answered {
  readonly state: 'pending' | 'granted' | 'no'
  readonly expiresAt: number
  /** Different people who said yes. */
  readonly by: readonly string[]
  /** As many of them as the seal asks for, by the roles there are now. */
  readonly isMet: boolean
  /** The shortest time that one of them consented to. */
  readonly minutes?: number
}

/** What becomes of an opening that the log has. */
export type OpeningAct = 'asked' | 'opened' | 'closed' | 'lapsed' | 'reviewed' | 'drilled'

/** What the keeper is lent. Everything throws StintError. */
export interface KeeperVerbs {
  now(): number
  /** The other gateways that are there now. */
  others(): Promise<readonly string[]>
  /** Waits until every gateway has what is written, or refuses everything. */
  everyoneHas(): Promise<unknown>
  /** approvals/. */
  answered(opening: Opening): Promise<Answered>
  liveTask(id: string): Task | undefined
  target(id: string): Target
  /** Begins to rotate the credential; answers who sees to the new value. */
  renew(credentialId: string): Promise<Exclude<Renewal, 'due'>>
  /** Tries what an emergency needs, and hands nothing out. Throws nothing. */
  drill(opening: Opening): Promise<readonly DrillStep[]>
  /** In the audit log when it resolves. */
  record(act: OpeningAct, opening: Opening): Promise<unknown>
  /** To whoever must know at once that it is open. */
  alert(opening: Opening): void
  report(thrown: unknown): void
}

/** Holds what is under way in memory, and takes each opening through its states: in the store, so that any gateway can go on. */
export interface Keeper {
  /** The opening under which this task may use the credential now. */
  openFor(task: Task, seal: Seal, target: Target): Opening | undefined
  underWay(): readonly Opening[]
  /** Takes an opening as far as it can go now. Throws nothing. */
  tend(id: string): Promise<void>
  /** Nothing passes from this tick on; ended for all gateways when it resolves. Throws `not_found`, `store_unavailable`; then it is tried again. */
  end(id: string, why: string): Promise<Opening>
  onShut(listener: (opening: Opening, why: string) => void): void
  /** The store's rows are these now. */
  heard(ids: readonly string[]): Promise<void>
  start(): Promise<void>
  close(): void
}

/** A gateway that took it on itself to open one, and did not get there within this time, is gone. */
const CLAIM_MS = 30_000
const AGAIN_MS = 1000
const RENEW_AGAIN_MS = 30_000

/** A keeper over the rows. `sealOf` is from memory. */
export function createKeeper(rows: GlassRows, verbs: KeeperVerbs, sealOf: (id: string) => Seal | undefined): Keeper {
  const { now, report } = verbs
  const known = new Map<string, Opening>()
  /** Ended here, with the reason, whether or not that could be written yet. */
  const shut = new Map<string, string>()
  const listeners: ((opening: Opening, why: string) => void)[] = []
  const due = createDeadlines(now, (ids) => ids.forEach(fall))
  const inTurn = createTurns()
  return {
    openFor(task, seal, target) {
      for (const one of known.values())
        if (one.taskId === task.id && one.credentialId === seal.credentialId && isOpenNow(one) && isSealedFor(seal, target))
          return one
      return undefined
    },
    underWay: () => [...known.values()].filter(isUnderWay),
    tend,
    end,
    onShut: (listener) => listeners.push(listener),
    heard,
    async start() {
      const isAlone = (await verbs.others()).length === 0
      for (const one of await rows.unsettled()) {
        known.set(one.id, one)
        const why = isAlone ? whyLeft(one) : undefined
        if (why === undefined) await tend(one.id)
        else await end(one.id, why)
      }
    },
    close: () => due.close(),
  }

  function isOpenNow({ id, state, closesAt = 0 }: Opening): boolean {
    return state === 'open' && closesAt > now() && !shut.has(id)
  }

  function fall(id: string): void {
    const one = known.get(id)
    if (one?.state === 'open' && (one.closesAt ?? 0) <= now()) shutNow(one, 'its time is over')
    void tend(id)
  }

  function shutNow(opening: Opening, why: string): void {
    if (shut.has(opening.id)) return
    shut.set(opening.id, why)
    for (const listener of listeners) listener(opening, why)
  }

  async function heard(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const after = await rows.load(id)
      const before = known.get(id)
      if (isUnsettled(after)) known.set(id, after)
      else known.delete(id)
      if (before?.state === 'open' && after.state !== 'open') shutNow(after, after.why ?? 'it was closed')
      if (isUnsettled(after)) due.set(id, nextLook(after))
      else shut.delete(id)
    }
  }

  function nextLook({ state, closesAt = 0, claimedAt, createdAt }: Opening): number {
    if (state === 'open') return closesAt
    if (state === 'closed' || state === 'lapsed') return now() + RENEW_AGAIN_MS
    return (claimedAt ?? createdAt) + CLAIM_MS
  }

  function tend(id: string): Promise<void> {
    return inTurn(() => tendOnce(id)).catch((thrown) => {
      report(thrown)
      due.set(id, now() + AGAIN_MS)
    })
  }

  async function tendOnce(id: string): Promise<void> {
    const opening = await rows.load(id)
    if (isUnderWay(opening) && shut.has(id)) return void (await end(id, shut.get(id) ?? ''))
    if (opening.state === 'asked') return tendAsked(opening)
    await renewIfDue(id)
    if (opening.unrecorded === true) return tell(opening)
    if (!isUnderWay(opening)) return
    if (nextLook(opening) > now()) return due.set(id, nextLook(opening))
    await end(id, opening.state === 'open' ? 'its time is over' : 'the gateway that was to open it is gone')
  }

  async function tendAsked(opening: Opening): Promise<void> {
    const { id, approvalId } = opening
    if (approvalId === undefined) {
      if (nextLook(opening) > now()) return due.set(id, nextLook(opening))
      return void (await end(id, 'nobody could be asked'))
    }
    const answered = await verbs.answered(opening)
    if (answered.state === 'pending') return due.set(id, answered.expiresAt)
    if (answered.state === 'no') return void (await end(id, 'the people who were asked did not say yes'))
    const why = whyNot(opening, answered)
    if (why !== undefined) return void (await end(id, why))
    await open(opening, answered)
  }

  function whyNot({ taskId, credentialId, targetId, drill: asDrill }: Opening, { isMet }: Answered): string | undefined {
    const seal = sealOf(credentialId)
    if (!isMet) return 'those who said yes are too few'
    if (asDrill === undefined && verbs.liveTask(taskId) === undefined) return 'its task is over'
    if (seal === undefined || !isSealedFor(seal, verbs.target(targetId)))
      return `target ${targetId} is not the one it was sealed for`
    return undefined
  }

  /** Of all gateways one claims it; it is in the log, and loud, before it is open: a crash leaves none that nobody heard of. */
  async function open({ id, taskId, seconds }: Opening, { by: openedBy, minutes }: Answered): Promise<void> {
    const claimed = await rows.move(id, 'asked', 'opening', () => ({ claimedAt: now(), openedBy }))
    if (claimed === undefined) return
    if (claimed.drill !== undefined) return void drill(claimed).catch(report) // what it waits for keeps no emergency waiting
    const openedAt = now()
    const ends = [openedAt + seconds * 1000, verbs.liveTask(taskId)?.expiresAt ?? 0]
    if (minutes !== undefined) ends.push(openedAt + minutes * 60_000)
    const times: Change = { openedAt, closesAt: Math.min(...ends) }
    await verbs.record('opened', { ...claimed, ...times })
    verbs.alert({ ...claimed, ...times })
    await rows.move(id, 'opening', 'open', () => times)
  }

  /** Closed in the step in which a real one is open. */
  async function drill(claimed: Opening): Promise<void> {
    const { id, drill: { rotates = false } = {} } = claimed
    const steps = await verbs.drill(claimed)
    const done = { endedAt: now(), why: 'it was a drill', drill: { rotates, steps } }
    await verbs.record('drilled', { ...claimed, ...done })
    await rows.move(id, 'opening', 'drilled', () => done)
  }

  async function end(id: string, why: string): Promise<Opening> {
    const opening = known.get(id)
    if (opening !== undefined && isUnderWay(opening)) shutNow(opening, why)
    try {
      return await write(id, why)
    } catch (thrown) {
      due.set(id, now() + AGAIN_MS)
      throw thrown
    }
  }

  /** Whatever state it is in by now. */
  async function write(id: string, why: string): Promise<Opening> {
    const found = await rows.load(id)
    if (!isUnderWay(found)) return found
    const wasOpen = found.state === 'open'
    const change: Change = { endedAt: now(), why, unrecorded: true, ...(wasOpen && { renewal: 'due' }) }
    const ended = await rows.move(id, found.state, wasOpen ? 'closed' : 'lapsed', () => change)
    if (ended === undefined) return write(id, why)
    const told = tell(ended).catch(report)
    await verbs.everyoneHas()
    if (wasOpen) void inTurn(() => renewIfDue(id)).catch(report)
    void told.then(() => tend(id))
    return ended
  }

  /** The end waits for no log; so what the log does not have yet is told again, after a crash too. */
  async function tell(ended: Opening): Promise<void> {
    const { id, state } = ended
    if (state !== 'closed' && state !== 'lapsed') return
    await verbs.record(state, ended)
    await rows.move(id, state, state, () => ({ unrecorded: undefined }))
  }

  /** It waits for no log either. */
  async function renewIfDue(id: string): Promise<void> {
    const opening = await rows.load(id)
    if (opening.renewal === 'due') await renew(opening)
  }

  /** Where a rotation is under way already, another begins after it: what it puts there may have been in use. */
  async function renew({ id, credentialId }: Opening): Promise<void> {
    try {
      const renewal = await verbs.renew(credentialId)
      await rows.move(id, 'closed', 'closed', () => ({ renewal }))
    } catch (thrown) {
      due.set(id, now() + RENEW_AGAIN_MS)
      if (!(thrown instanceof StintError) || thrown.code !== 'conflict') report(thrown)
    }
  }
}

/** Why nothing goes on with what a stop left so, undefined where it can. */
function whyLeft({ state, approvalId, drill }: Opening): string | undefined {
  if (state === 'open') return 'Stint stopped while it was open'
  if (state === 'opening') return drill === undefined ? 'Stint stopped before it was open' : 'Stint stopped during the drill'
  return state === 'asked' && approvalId === undefined ? 'Stint stopped before anybody was asked' : undefined
}
