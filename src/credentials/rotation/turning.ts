import { setTimeout as sleep } from 'node:timers/promises'
import { StintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import type { Io } from '../minting.ts'
import type { Vault } from '../vault.ts'
import { callsOf, type RecipeCalls } from './recipe-calls.ts'
import { type Change, moveTo, type RotationRecord, type RotationState, withSighting } from './rotation-record.ts'

/** What becomes of a rotation that is to be heard of. */
export type RotationAct = 'make' | 'store' | 'retire' | 'dead' | 'undo' | 'undone' | 'late'

/** Both keys of a rotation: the second once it is made. */
export interface Keys {
  readonly old: Secret
  readonly new?: Secret
}

/** What a step is lent. Everything throws StintError. */
export interface StepVerbs {
  readonly vault: Pick<Vault, 'open' | 'list' | 'replace'>
  /** gateway/io.ts: the way out to the target’s places and the recipe’s. */
  io(record: Pick<RotationRecord, 'target' | 'recipe'>): Io
  /** Durable when it resolves. */
  save(record: RotationRecord, keys: Keys): Promise<void>
  /** Waits until every gateway has what the vault has now, or refuses everything. */
  everyoneHas(): Promise<unknown>
  /** In the audit log when it resolves: nothing is done at the target that is not recorded. Throws `audit_unavailable`. */
  told(act: RotationAct, record: RotationRecord): Promise<unknown>
  now(): number
}

/** What a step itself uses of it. */
export type Lent = Pick<StepVerbs, 'vault' | 'everyoneHas' | 'now'>

/** Refusals in a row, past the target’s own window, that prove a key dead. */
const REFUSALS = 3
const PROBE_GAP_MS = 50
/** More keys than this under one rotation’s name are no mishap of ours. */
const MOST_STRAYS = 20

/** A rotation on its way through a step: what is known of it now, and how that is made durable. */
export interface Turning {
  readonly record: RotationRecord
  readonly keys: Keys
  readonly calls: RecipeCalls
  /** The value in the vault, which running tasks use; undefined when the credential is gone. */
  inVault(): Secret | undefined
  /** The credential’s version in the vault. */
  version(): number | undefined
  change(change: Change, keys?: Keys): Promise<void>
  move(state: RotationState, change?: Change, keys?: Keys): Promise<void>
  /** Has it recorded, with what is about to change. */
  told(act: RotationAct, change?: Change): Promise<void>
  /** Looks whether a key works, and notes it. */
  look(which: 'old' | 'new'): Promise<'live' | 'refused'>
  /** Whether a key works that is neither of the two, or may be. */
  lookAt(key: Secret): Promise<'live' | 'refused'>
}

/** A rotation as a step finds it. */
export function turn(found: RotationRecord, known: Keys, verbs: StepVerbs): Turning {
  let record = found
  let keys = known
  const calls = callsOf(found, verbs.io(found))
  const save = async (next: RotationRecord, nextKeys: Keys = keys): Promise<void> => {
    await verbs.save(next, nextKeys)
    record = next
    keys = nextKeys
  }
  return {
    get record() {
      return record
    },
    get keys() {
      return keys
    },
    calls,
    inVault: () => (versionIn(verbs, record) === undefined ? undefined : verbs.vault.open(record.credentialId)),
    version: () => versionIn(verbs, record),
    change: (change, more) => save({ ...record, ...change } as RotationRecord, more),
    move: (state, change, more) => save(moveTo(record, state, change), more),
    told: async (act, change) => void (await verbs.told(act, { ...record, ...change } as RotationRecord)),
    async look(which) {
      const saw = await calls.look(which === 'old' ? keys.old : newOf({ record, keys }))
      record = withSighting(record, { at: verbs.now(), key: which, saw })
      return saw
    },
    lookAt: calls.look,
  }
}

/** The key that was made. Throws `internal` where a state says that there is one and there is none. */
export function newOf({ record, keys }: Pick<Turning, 'record' | 'keys'>): Secret {
  if (keys.new === undefined) throw new StintError('internal', 'Stint failed', { operatorDetail: `${record.id} has no new key` })
  return keys.new
}

function versionIn({ vault }: StepVerbs, { credentialId }: RotationRecord): number | undefined {
  return vault.list().find(({ id }) => id === credentialId)?.version
}

/**
 * Sees a key refused several times in a row, each time just after the same probe saw one that stays work: so it is the key that is
 * refused. Throws `upstream_failed` when it is not proved; a key that still works is then to be ended again.
 */
export async function proveDead(turning: Turning, which: 'old' | 'new', stays: Secret): Promise<void> {
  for (let refusals = 0; refusals < REFUSALS; refusals += 1) {
    if (refusals > 0) await sleep(PROBE_GAP_MS)
    if ((await turning.lookAt(stays)) === 'refused')
      throw new StintError('upstream_failed', 'the target refuses the key that stays as well, so that a refusal proves nothing')
    if ((await turning.look(which)) === 'refused') continue
    await turning.change({ retiredAt: undefined })
    throw new StintError('upstream_failed', 'the target said that the key is ended, and it still works')
  }
}

/** Ends every key that bears the rotation’s name and is neither of those known. Throws `upstream_failed` while there are any. */
export async function endStrays(turning: Turning, stays: Secret): Promise<void> {
  const { calls, record } = turning
  const strays = async (): Promise<readonly string[]> => {
    const found = await calls.find(stays)
    return found.filter((id) => id !== record.oldId && (record.state === 'undoing' || id !== record.newId))
  }
  const ids = await strays()
  if (ids.length > MOST_STRAYS) throw new StintError('upstream_failed', `the target lists ${ids.length} keys under one name`)
  if (ids.length === 0) return
  await turning.told('undo')
  for (const id of ids) await calls.retire({ id }, stays)
  if ((await strays()).length > 0)
    throw new StintError('upstream_failed', 'the target said that a key is ended, and still lists it')
}
