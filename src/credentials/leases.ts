import { createDeadlines } from '../deadlines.ts'
import { StintError } from '../errors.ts'
import type { Caller, Selector, Target, Task } from '../model.ts'
import { type Ancestors, nameOf, namesCovering } from '../selector.ts'
import type { Store } from '../store/store.ts'
import { type Discovered, discover } from './discover.ts'
import { type ProviderVerbs, providerOf } from './issue.ts'
import { newInstallation, newLeaseId } from './lease-id.ts'
import type { Cause, LeaseRecord } from './lease-record.ts'
import { type Entry, type LeaseFilter, openLedger } from './ledger.ts'
import { type Issue, mint, resume } from './mint.ts'
import type { Grant } from './minting.ts'
import { sweepTarget } from './sweep.ts'
import { createUndertaker, type UndertakerVerbs } from './undertaker.ts'

/** Who asks for a credential, and what for. */
export interface Asking {
  readonly caller: Caller
  readonly task: Task
  readonly target: Target
  readonly grant: Grant
  /** Epoch milliseconds: no later than this. */
  readonly expiresAt: number
  /** The lease this one takes the place of, if any. */
  readonly instead?: string | undefined
}

/** Every minted credential, from the intent to the proof of its death (G8). */
export interface Leases {
  /**
   * An active lease: one of the same task, target and grant that a restart interrupted, or a new one. Throws what minting throws, and
   * `revoked` when it was ended before it was there.
   */
  issue(asking: Asking): Promise<Issue>
  /** Every living lease the selector covers is revoked from now on; answers their ids. */
  end(selector: Selector, cause: Cause): readonly string[]
  /** One lease. Throws `not_found`. */
  endOne(id: string, cause: Cause): Promise<LeaseRecord>
  /** Looks again at one that its target refused; true when its provider refuses it too: it is of no use any more, and ends. */
  doubt(id: string): Promise<boolean>
  get(id: string): Promise<LeaseRecord>
  list(filter: LeaseFilter): ReturnType<Awaited<ReturnType<typeof openLedger>>['list']>
  /** Not dead ones whose standing credential is this. */
  dependingOn(credentialId: string): Promise<number>
  counts(): { readonly living: number; readonly late: number }
  /** Resolves when it is dead or irrevocable. */
  settled(id: string): Promise<void>
  /** Who can act at a target, as its provider tells. Throws `invalid_argument` where it tells nobody of any. */
  discover(target: Target): Promise<readonly Discovered[]>
  /** Asks every provider that can be asked for what has no living lease; answers how many were found. */
  sweep(): Promise<number>
  /** Takes up what a restart interrupted. */
  start(isLive: (taskId: string) => boolean): void
  close(): Promise<void>
}

export interface LeaseVerbs extends ProviderVerbs, Pick<UndertakerVerbs, 'now' | 'told' | 'report'> {
  /** This gateway among those that share the state. */
  readonly self: string
  /** The others that are there now, by what the state says of them. Throws `store_unavailable`. */
  others(): Promise<readonly string[]>
  /** The declared targets. */
  targets(): readonly Target[]
  ancestors: Ancestors
}

const SWEEP_MS = 60_000
/** What is left of a lease that is taken up again after a restart. */
const LEAST_LEFT_MS = 30_000

/** Opens the leases of the store. */
export async function openLeases(store: Store, verbs: LeaseVerbs): Promise<Leases> {
  const { now, report } = verbs
  const installation = await installationOf(store)
  const ledger = await openLedger(store, verbs.self)
  const undertaker = createUndertaker({ ...verbs, ledger })
  const expiries = createDeadlines(now, (ids) => {
    for (const id of ids) undertaker.undertake(id, { why: 'it expired' })
  })
  /** Being made when they were ended, with the reason. */
  const doomed = new Map<string, Cause>()
  let sweeping: Promise<number> | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  return {
    issue,
    end(selector, cause) {
      const name = nameOf(selector)
      const found = selector.kind === 'task' ? ledger.ofTask(selector.id) : [...ledger.all()]
      const covered = found.filter(({ record }) => selector.kind === 'task' || record.coveredBy.includes(name))
      const ended = covered.filter(({ record: { state } }) => state === 'minting' || state === 'active')
      for (const { record } of ended) {
        if (record.state === 'minting') doomed.set(record.id, cause)
        else undertaker.undertake(record.id, cause)
      }
      return ended.map(({ record }) => record.id)
    },
    async endOne(id, cause) {
      const { state } = await ledger.load(id)
      if (ledger.get(id) === undefined && state !== 'dead')
        throw new StintError('conflict', `lease ${id} is kept by another gateway; end it there, or revoke its task`)
      undertaker.undertake(id, cause)
      return ledger.load(id)
    },
    doubt: undertaker.doubt,
    get: ledger.load,
    list: ledger.list,
    dependingOn: ledger.countDependingOn,
    counts: () => ({ living: ledger.size, late: undertaker.late }),
    settled: undertaker.settled,
    discover: (target) => discover(target, verbs),
    sweep: sweepOnce,
    start(isLive) {
      for (const { record } of ledger.all()) {
        if (record.state !== 'active') continue
        if (isLive(record.taskId)) expiries.set(record.id, record.expiresAt)
        else undertaker.undertake(record.id, { why: 'its task ended while Stint was stopped' })
      }
      undertaker.start()
      void keepSweeping()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      expiries.close()
      await sweeping
      await undertaker.close()
    },
  }

  async function issue(asking: Asking): Promise<Issue> {
    const interrupted = find(asking)
    if (interrupted !== undefined) return resume(interrupted, verbs)
    const intent = ledger.share(intentOf(asking))
    const issued = await mint(intent, { ...verbs, ledger, undertake: undertaker.undertake }).finally(() =>
      refuseDoomed(intent.id),
    )
    verbs.told('mint', issued.record)
    expiries.set(issued.record.id, issued.record.expiresAt)
    undertaker.control(issued.record.id)
    return issued
  }

  function refuseDoomed(id: string): void {
    const cause = doomed.get(id)
    if (cause === undefined) return
    doomed.delete(id)
    undertaker.undertake(id, cause)
    throw new StintError('revoked', 'the credential was withdrawn while it was made')
  }

  function find({ task, target, grant, expiresAt, instead }: Asking): Entry | undefined {
    const fits = ({ id, state, target: of, grant: has, expiresAt: until }: LeaseRecord): boolean =>
      state === 'active' && id !== instead && of.id === target.id && has.key === grant.key && until <= expiresAt
    return ledger.ofTask(task.id).find(({ record }) => fits(record) && record.expiresAt - now() > LEAST_LEFT_MS)
  }

  function intentOf({ caller, task, target, grant, expiresAt }: Asking): LeaseRecord {
    return {
      ...{
        id: newLeaseId(installation),
        state: 'minting',
        keeper: verbs.self,
        taskId: task.id,
        owner: task.owner,
        callerId: caller.id,
      },
      ...{ target, grant, coveredBy: namesCovering({ caller, task, target }, verbs.ancestors), handle: {} },
      ...{ requestedAt: now(), expiresAt, attempts: 0, sightings: [] },
    }
  }

  function sweepOnce(): Promise<number> {
    sweeping ??= sweep().finally(() => {
      sweeping = undefined
    })
    return sweeping
  }

  async function keepSweeping(): Promise<void> {
    await takeOver()
    await sweepOnce()
    if (!closed) timer = setTimeout(keepSweeping, SWEEP_MS).unref()
  }

  /** What a gateway that is gone kept: whatever used it is gone with it. */
  async function takeOver(): Promise<void> {
    try {
      const here = new Set(await verbs.others())
      for (const { record } of await ledger.adopt((keeper) => here.has(keeper)))
        undertaker.takeUp(record.id, { why: 'its gateway is gone' })
    } catch (thrown) {
      report(thrown)
    }
  }

  async function sweep(): Promise<number> {
    let count = 0
    for (const target of verbs.targets()) {
      if (verbs.connectors[target.connector]?.minting?.strays === undefined) continue
      try {
        const standing = target.credentialId === undefined ? undefined : verbs.standing(target.credentialId)
        const swept = { target, standing, ...providerOf({ target }, verbs) }
        count += await sweepTarget(swept, { ledger, installation, self: verbs.self, now, undertake: undertaker.undertake })
      } catch (thrown) {
        report(thrown)
      }
    }
    return count
  }
}

/** This installation’s part of every lease id, made once. All that share a store share it. */
async function installationOf(store: Store): Promise<string> {
  const made = newInstallation()
  return store.write(async (tx) => {
    const found = await tx.selectFrom('meta').select('value').where('key', '=', 'installation').executeTakeFirst()
    if (found !== undefined) return found.value
    await tx.insertInto('meta').values({ key: 'installation', value: made }).execute()
    return made
  })
}
