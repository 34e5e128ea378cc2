import { StintError } from '../errors.ts'
import type { About, Selector, Target, Task } from '../model.ts'
import type { Store } from '../store/store.ts'
import { createKeeper, type KeeperVerbs } from './keeper.ts'
import { newOpeningId, type Opening, refuseUnlessReady } from './opening.ts'
import { type OpeningFilter, openRows } from './rows.ts'
import { isSealedFor, type Seal, type SealWish, sealFor } from './seal.ts'

/** Who acts: the identity that was proved, and which person that is. */
export interface Person {
  readonly callerId: string
  readonly person: string
}

/** What is asked for in an emergency. Attacker-controlled. */
export interface OpeningWish {
  readonly taskId: string
  readonly reason: string
  readonly ticket?: string
}

/** What stands between a request and a sealed credential. */
export type Passage =
  | { readonly isOpen: true; readonly openingId: string; readonly closesAt: number }
  | { readonly isOpen: false; readonly why: string }

/** A seal with what became of it last. */
export interface SealListing extends Seal {
  readonly last?: Opening
  readonly lastDrill?: Opening
}

/** What the glass is lent beside what the keeper is. Everything throws StintError. */
export interface GlassVerbs extends KeeperVerbs {
  /** When the vault got the value that the credential has; throws `not_found`. */
  valueSince(credentialId: string): number
  /** approvals/: asks people, none of `barred`; answers the question's id. Throws `conflict` where nobody can be asked. */
  ask(opening: Opening, task: Task | undefined, about: { readonly target: Target; readonly by: Person }): Promise<string>
  /** Whether the settings name this person as one who may be asked. */
  isApprover(person: string): boolean
  /** Throws `invalid_argument` where fewer people than that have the role. */
  refuseUnmeetable(openBy: string): void
}

/** IS IT AN EMERGENCY? Credentials that no policy reaches, and their openings. Durable, and shared by all gateways on one state. */
export interface Glass {
  /** From memory, for every request: undefined where the target's credential is not sealed. */
  look(about: Pick<About, 'task' | 'target'>): Passage | undefined
  isSealed(credentialId: string): boolean
  /** Throws `sealed`, with what to do instead, for a credential that only an opening reaches. */
  refuseSealed(credentialId: string | undefined): void
  /** Nothing but an opening reaches the credential when it resolves. Throws `invalid_argument`, `conflict`. */
  seal(wish: SealWish, target: Target, by: string): Promise<Seal>
  /** Forgets the seal of a credential that is gone. Throws `conflict` while an opening is under way. */
  refuseRemoval(credentialId: string): void
  forget(credentialId: string): Promise<void>
  seals(): Promise<readonly SealListing[]>
  /** Asks people. Throws `not_found`, `task_not_live`, `scope_exceeded`; `conflict` with what is to be done first. */
  ask(credentialId: string, wish: OpeningWish, by: Person): Promise<Opening>
  /** Asks people as an emergency does; when they have said yes everything is tried and nothing opened. Throws `not_found`, `conflict`. */
  drill(credentialId: string, rotates: boolean, by: Person): Promise<Opening>
  /** Closed for all gateways when it resolves; withdrawn where it was not open yet. Throws `not_found`, `conflict` where it is over. */
  close(id: string, why: string): Promise<Opening>
  /** Closes, in this tick, what the selector covers; what is to be written of it goes on by itself. */
  closeUnder(selector: Selector, why: string): void
  /** Throws `not_found`; `conflict` where there is nothing to review; `not_approver` for whoever had a part in it. */
  review(id: string, by: Person, note: string): Promise<Opening>
  get(id: string): Promise<Opening>
  list(filter: OpeningFilter): Promise<{ items: Opening[]; next?: string }>
  /** People may have answered these questions. */
  heardAnswers(approvalIds: readonly string[]): void
  /** The questions that openings wait for. */
  questions(): readonly string[]
  /** How many are open now. */
  countOpen(): number
  /** Hears of each credential that nothing may use from now on, in the tick in which it is so. */
  onShut(listener: (credentialId: string, why: string) => void): void
  /** Takes up what a restart interrupted: what was open while nobody watched is closed. */
  start(): Promise<void>
  stop(): void
}

/** Reads the seals and the openings under way, and follows their changes. */
export async function openGlass(store: Store, verbs: GlassVerbs): Promise<Glass> {
  const { now, report } = verbs
  const rows = openRows(store)
  const seals = new Map<string, Seal>()
  const listeners: ((credentialId: string, why: string) => void)[] = []
  const keeper = createKeeper(rows, verbs, (id) => seals.get(id))
  const shut = (credentialId: string, why: string): void => {
    for (const listener of listeners) listener(credentialId, why)
  }
  keeper.onShut(({ id, credentialId }, why) => shut(credentialId, `${id}: ${why}`))
  store.watch('opening', keeper.heard)
  store.watch('seal', learn)
  await learn()
  return {
    look,
    isSealed: (credentialId) => seals.has(credentialId),
    refuseSealed(credentialId) {
      if (credentialId !== undefined && seals.has(credentialId))
        throw new StintError('sealed', `${credentialId} is sealed for emergencies; only an opening uses it`)
    },
    seal,
    refuseRemoval(credentialId) {
      const busy = keeper.underWay().find((one) => one.credentialId === credentialId)
      if (busy !== undefined) throw new StintError('conflict', `${busy.id} is ${busy.state}; close it first`)
    },
    forget: rows.removeSeal,
    async seals() {
      return Promise.all((await rows.seals()).map(withLast))
    },
    ask,
    drill,
    async close(id, why) {
      const { state } = await rows.load(id)
      if (state === 'closed' || state === 'lapsed') throw new StintError('conflict', `${id} is ${state} already`)
      return keeper.end(id, why)
    },
    closeUnder(selector, why) {
      for (const one of keeper.underWay()) if (isUnder(selector, one)) keeper.end(one.id, why).catch(report)
    },
    review,
    get: rows.load,
    list: rows.list,
    heardAnswers(approvalIds) {
      for (const { id, approvalId } of keeper.underWay())
        if (approvalId !== undefined && approvalIds.includes(approvalId)) void keeper.tend(id)
    },
    questions: () => keeper.underWay().flatMap(({ approvalId }) => approvalId ?? []),
    countOpen: () => keeper.underWay().filter(({ state }) => state === 'open').length,
    onShut: (listener) => listeners.push(listener),
    start: keeper.start,
    stop: keeper.close,
  }

  async function learn(): Promise<void> {
    const stored = await rows.seals()
    const fresh = stored.filter(({ credentialId }) => !seals.has(credentialId))
    seals.clear()
    for (const seal of stored) seals.set(seal.credentialId, seal)
    for (const { credentialId } of fresh) shut(credentialId, 'it was sealed')
  }

  function look({ task, target }: Pick<About, 'task' | 'target'>): Passage | undefined {
    if (seals.size === 0 || target.credentialId === undefined) return undefined
    const seal = seals.get(target.credentialId)
    if (seal === undefined) return undefined
    const open = keeper.openFor(task, seal, target)
    if (open?.closesAt !== undefined) return { isOpen: true, openingId: open.id, closesAt: open.closesAt }
    const how = `stint break-glass open ${seal.credentialId} --task ${task.id} --reason …`
    return { isOpen: false, why: `${seal.credentialId} is sealed for emergencies; an operator asks for it: \`${how}\`` }
  }

  async function seal(wish: SealWish, target: Target, by: string): Promise<Seal> {
    const made = sealFor(wish, target, { by, at: now() })
    verbs.refuseUnmeetable(made.openBy)
    await rows.addSeal(made)
    await verbs.everyoneHas()
    return made
  }

  function sealOf(credentialId: string): Seal {
    const seal = seals.get(credentialId)
    if (seal !== undefined) return seal
    throw new StintError('not_found', `${credentialId} is not sealed; see \`stint break-glass list\``)
  }

  async function withLast(seal: Seal): Promise<SealListing> {
    const [last, lastDrill] = [await rows.last(seal.credentialId), await rows.lastDrill(seal.credentialId)]
    return { ...seal, ...(last !== undefined && { last }), ...(lastDrill !== undefined && { lastDrill }) }
  }

  async function drill(credentialId: string, rotates: boolean, by: Person): Promise<Opening> {
    const { targetId, openBy, seconds } = sealOf(credentialId)
    const asked: Opening = {
      ...{ id: newOpeningId(), state: 'asked', credentialId, targetId, taskId: '', workload: '', owner: '', openBy, seconds },
      ...{ reason: 'a drill: nothing is opened', requestedBy: by.person, createdAt: now(), drill: { rotates } },
    }
    const valueSince = verbs.valueSince(credentialId)
    await rows.begin(asked, (last) => refuseUnlessReady(last, valueSince))
    return put(asked, undefined, { target: verbs.target(targetId), by })
  }

  async function ask(credentialId: string, { taskId, reason, ticket }: OpeningWish, by: Person): Promise<Opening> {
    const seal = sealOf(credentialId)
    const { targetId, openBy, seconds } = seal
    const [task, target] = [verbs.liveTask(taskId), verbs.target(targetId)]
    if (task === undefined) throw new StintError('task_not_live', `there is no live task ${taskId}`)
    if (!task.scope.targets.includes(targetId)) throw new StintError('scope_exceeded', `${taskId} may not reach ${targetId}`)
    if (!isSealedFor(seal, target))
      throw new StintError(
        'conflict',
        `target ${targetId} was changed since ${credentialId} was sealed for it; remove the credential, and seal it anew`,
      )
    const valueSince = verbs.valueSince(credentialId)
    const asked: Opening = {
      ...{ id: newOpeningId(), state: 'asked', credentialId, targetId, taskId, openBy, seconds, reason, createdAt: now() },
      ...{ workload: task.workload, owner: task.owner, requestedBy: by.person, ...(ticket !== undefined && { ticket }) },
    }
    await rows.begin(asked, (last) => refuseUnlessReady(last, valueSince))
    return put(asked, task, { target, by })
  }

  /** What cannot be asked, or not be recorded, lapses. */
  async function put(asked: Opening, task: Task | undefined, about: { target: Target; by: Person }): Promise<Opening> {
    const { id } = asked
    try {
      await verbs.record('asked', asked)
      const approvalId = await verbs.ask(asked, task, about)
      await rows.move(id, 'asked', 'asked', () => ({ approvalId }))
    } catch (thrown) {
      await keeper.end(id, 'nobody could be asked')
      throw thrown
    }
    await keeper.tend(id)
    return rows.load(id)
  }

  async function review(id: string, { person, callerId }: Person, note: string): Promise<Opening> {
    const opening = await rows.load(id)
    const { state, openedAt, openedBy = [], requestedBy, owner, workload } = opening
    if (state !== 'closed' || openedAt === undefined)
      throw new StintError('conflict', `${id} is ${state}; what was open, and is closed, is reviewed`)
    if (opening.review !== undefined) throw new StintError('conflict', `${id} was reviewed by ${opening.review.by}`)
    if ([...openedBy, requestedBy, owner, workload].some((one) => one === person || one === callerId))
      throw new StintError('not_approver', `${person} had a part in ${id}; somebody else reviews it`)
    if (!verbs.isApprover(person)) throw new StintError('not_approver', `${person} is nobody that the setting approvers names`)
    const reviewed = { by: person, at: now(), note }
    await verbs.record('reviewed', { ...opening, review: reviewed })
    const once = (found: Opening) => (found.review === undefined ? { review: reviewed } : undefined)
    const written = await rows.move(id, 'closed', 'closed', once)
    if (written === undefined) throw new StintError('conflict', `${id} was reviewed meanwhile`)
    return written
  }
}

function isUnder(selector: Selector, { taskId, targetId, credentialId }: Opening): boolean {
  if (selector.kind === 'all') return true
  const ids: Readonly<Record<string, string>> = { task: taskId, target: targetId, credential: credentialId }
  return ids[selector.kind] === selector.id
}
