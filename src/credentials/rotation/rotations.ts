import { createDeadlines } from '../../deadlines.ts'
import { asStintError, StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import { Secret } from '../../secret.ts'
import type { Store } from '../../store/store.ts'
import { checkRecipe, uses } from './check-recipe.ts'
import type { Recipe } from './recipe.ts'
import { step } from './rotate.ts'
import { type DeclaredRecipe, openRotationLedger, type RotationEntry, UnderWay } from './rotation-ledger.ts'
import { isOver, newRotationId, type RotationRecord } from './rotation-record.ts'
import { type Lateness, latenessOf, mayBeginAt } from './schedule.ts'
import { type Keys, type StepVerbs, turn } from './turning.ts'
import { graceMs, propagationMs } from './windows.ts'

/** Rotations of standing credentials by the operator’s recipes. */
export interface Rotations {
  /** Throws `invalid_argument`, `not_found` for the credential or the target, `conflict` while one is under way. */
  declare(credentialId: string, recipe: Recipe, everySeconds: number | undefined): Promise<DeclaredRecipe>
  /** Throws `not_found`. */
  recipe(credentialId: string): Promise<DeclaredRecipe>
  /** Forgets the recipe. Throws `conflict` while a rotation is under way. */
  forget(credentialId: string): Promise<void>
  /** Begins one, durably. Throws `not_found` without a recipe, `conflict`, `invalid_argument`. */
  begin(credentialId: string, startedBy: string): Promise<RotationRecord>
  /** Newest first. */
  list(credentialId: string, limit: number): Promise<readonly RotationRecord[]>
  lateness(): Lateness
  /** Takes over what a gateway kept that is gone, and begins what is due. Also done each minute. */
  tend(): Promise<void>
  /** Takes up what a restart interrupted. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface RotationVerbs extends Omit<StepVerbs, 'save'> {
  /** This gateway among those that share the state, and the others that are there. */
  readonly self: string
  others(): Promise<readonly string[]>
  /** Throws `not_found`. */
  target(id: string): Target
  seal(id: string, keys: Secret): string
  /** Throws `state_unsafe`. */
  unseal(id: string, sealed: string): Secret
  /** For what the operator should look at. */
  report(thrown: unknown): void
}

const TEND_MS = 60_000
const BACKOFF_MS = { first: 500, longest: 300_000 }
/** One that takes longer than this past its own windows is alerted on. */
const LATE_MS = 60_000

/** Opens the rotations of a store. */
export function openRotations(store: Store, verbs: RotationVerbs): Rotations {
  const { vault, now, report } = verbs
  const ledger = openRotationLedger(store)
  const due = createDeadlines(now, (ids) => ids.forEach(run))
  const running = new Map<string, Promise<void>>()
  /** Credentials whose rotation here is late. */
  const stuck = new Set<string>()
  let known: readonly DeclaredRecipe[] = []
  let timer: NodeJS.Timeout | undefined
  let closed = false
  return {
    async declare(credentialId, recipe, everySeconds) {
      const version = versionOf(credentialId)
      checkRecipe(recipe, credentialId, verbs.target(recipe.target))
      const every = everySeconds === undefined ? {} : { everySeconds }
      const declared = { credentialId, recipe, ...every, declaredAt: now(), version }
      await ledger.declare(declared)
      await learn()
      return declared
    },
    recipe: recipeOf,
    async forget(credentialId) {
      await ledger.forget(credentialId)
      await learn()
    },
    begin,
    list: ledger.list,
    lateness: () => latenessOf(known, stuck, now()),
    tend,
    async start() {
      for (const { record } of await ledger.underWay()) if (record.keeper === verbs.self) run(record.id)
      await keepTending()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      due.close()
      await Promise.all(running.values())
    },
  }

  async function recipeOf(credentialId: string): Promise<DeclaredRecipe> {
    const declared = await ledger.recipe(credentialId)
    if (declared !== undefined) return declared
    throw new StintError('not_found', `${credentialId} has no recipe; give it one with \`stint credential recipe\``)
  }

  async function begin(credentialId: string, startedBy: string): Promise<RotationRecord> {
    const { recipe, version } = await recipeOf(credentialId)
    const target = verbs.target(recipe.target)
    checkRecipe(recipe, credentialId, target)
    if (uses(recipe.retire.request, 'id') && version !== versionOf(credentialId))
      throw new StintError(
        'conflict',
        `${credentialId} was replaced by hand since; give its recipe again, with the \`currentId\` of the value it has now`,
      )
    const record: RotationRecord = {
      ...{ id: newRotationId(), credentialId, state: 'making', keeper: verbs.self, startedBy, recipe, target },
      ...{ version: versionOf(credentialId), startedAt: now(), attempts: 0, sightings: [] },
      ...(recipe.currentId !== undefined && { oldId: recipe.currentId }),
    }
    await ledger.begin(sealed(record, { old: vault.open(credentialId) }))
    run(record.id)
    return record
  }

  function versionOf(credentialId: string): number {
    const found = vault.list().find(({ id }) => id === credentialId)
    if (found === undefined) throw new StintError('not_found', `there is no credential ${credentialId}`)
    return found.version
  }

  function run(id: string): void {
    if (closed || running.has(id)) return
    const goes = go(id).then((at) => {
      running.delete(id)
      if (at !== undefined && !closed) due.set(id, at)
    })
    running.set(id, goes)
  }

  /** Takes steps until it is over, or has to wait; answers until when. Throws nothing. */
  async function go(id: string): Promise<number | undefined> {
    while (!closed) {
      try {
        const entry = await ledger.load(id)
        if (entry.record.keeper !== verbs.self) return undefined
        if (isOver(entry.record)) return await end(entry.record)
        const save = (record: RotationRecord, keys: Keys) => ledger.save(sealed(record, keys))
        const at = await step(turn(entry.record, keysOf(entry), { ...verbs, save }), verbs)
        if (at !== undefined) return at
      } catch (thrown) {
        return postpone(id, thrown)
      }
    }
    return undefined
  }

  async function end({ credentialId, unaccounted }: RotationRecord): Promise<undefined> {
    stuck.delete(credentialId)
    if (unaccounted !== undefined)
      report(new StintError('upstream_failed', `${unaccounted} may exist: look for it there, and end it`))
    await learn()
  }

  async function postpone(id: string, thrown: unknown): Promise<number> {
    const { code, detail } = asStintError(thrown)
    if (code === 'internal') report(thrown)
    try {
      const entry = await ledger.load(id)
      const attempts = entry.record.attempts + 1
      const late = await alertIfLate({ ...entry.record, attempts, lastError: detail })
      await ledger.save({ ...entry, record: late })
      return now() + backoff(attempts)
    } catch (worse) {
      report(worse)
      return now() + BACKOFF_MS.longest / 10
    }
  }

  async function alertIfLate(record: RotationRecord): Promise<RotationRecord> {
    const since = record.storedAt ?? record.startedAt
    if (now() - since < LATE_MS + graceMs(record) + 2 * propagationMs(record)) return record
    stuck.add(record.credentialId)
    if (record.lateAt !== undefined) return record
    report(new StintError('upstream_failed', `${record.id} of ${record.credentialId} does not get on: ${record.lastError}`))
    const late = { ...record, lateAt: now() }
    await verbs.told('late', late)
    return late
  }

  async function keepTending(): Promise<void> {
    await tend().catch(report)
    if (!closed) timer = setTimeout(keepTending, TEND_MS).unref()
  }

  async function tend(): Promise<void> {
    const here = new Set([verbs.self, ...(await verbs.others())])
    for (const id of await ledger.adopt(verbs.self, (keeper) => here.has(keeper))) run(id)
    await learn()
    const busy = new Set((await ledger.underWay()).map(({ record }) => record.credentialId))
    for (const declared of known)
      if (mayBeginAt(declared) <= now() && !busy.has(declared.credentialId))
        await begin(declared.credentialId, 'schedule').catch(reportUnlessBegun)
  }

  async function learn(): Promise<void> {
    known = await ledger.recipes()
  }

  /** Another gateway was quicker. */
  function reportUnlessBegun(thrown: unknown): void {
    if (!(thrown instanceof UnderWay)) report(thrown)
  }

  function sealed(record: RotationRecord, { old, new: made }: Keys): RotationEntry {
    if (isOver(record)) return { record, sealed: undefined }
    const text = JSON.stringify({ old: old.reveal(), ...(made && { new: made.reveal() }) })
    return { record, sealed: verbs.seal(record.id, new Secret(text)) }
  }

  function keysOf({ record: { id }, sealed: text = '' }: RotationEntry): Keys {
    const { old, new: made } = JSON.parse(verbs.unseal(id, text).reveal())
    return { old: new Secret(old), ...(made !== undefined && { new: new Secret(made) }) }
  }
}

/** Doubles, and is spread by half so that a target that comes back is not asked by all at once. */
function backoff(attempts: number): number {
  return Math.min(BACKOFF_MS.first * 2 ** Math.min(attempts, 16), BACKOFF_MS.longest) * (0.75 + Math.random() / 2)
}
