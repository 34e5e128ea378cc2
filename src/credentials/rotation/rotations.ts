import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import type { Store } from '../../store/store.ts'
import { checkRecipe, uses } from './check-recipe.ts'
import { createDrive, type DriveVerbs } from './drive.ts'
import type { Recipe } from './recipe.ts'
import { callsOf } from './recipe-calls.ts'
import { type DeclaredRecipe, openRotationLedger, UnderWay } from './rotation-ledger.ts'
import { newRotationId, type RotationRecord } from './rotation-record.ts'
import { type Lateness, latenessOf, mayBeginAt } from './schedule.ts'

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
  /** Whether its target takes the value in the vault, by the recipe’s probe. Throws `not_found` without a recipe, `upstream_failed`. */
  probe(credentialId: string): Promise<'live' | 'refused'>
  /** Newest first. */
  list(credentialId: string, limit: number): Promise<readonly RotationRecord[]>
  lateness(): Lateness
  /** Takes over what a gateway kept that is gone, and begins what is due. Also done each minute. */
  tend(): Promise<void>
  /** Takes up what a restart interrupted. */
  start(): Promise<void>
  close(): Promise<void>
}

export interface RotationVerbs extends Omit<DriveVerbs, 'onOver'> {
  /** The other gateways that are there now. Throws `store_unavailable`. */
  others(): Promise<readonly string[]>
  /** Throws `not_found`. */
  target(id: string): Target
}

const TEND_MS = 60_000

/** Opens the rotations of a store. */
export function openRotations(store: Store, verbs: RotationVerbs): Rotations {
  const { vault, now, report } = verbs
  const ledger = openRotationLedger(store)
  const drive = createDrive(ledger, { ...verbs, onOver: learn })
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
    async probe(credentialId) {
      const { recipe } = await recipeOf(credentialId)
      const target = verbs.target(recipe.target)
      checkRecipe(recipe, credentialId, target)
      return callsOf({ id: newRotationId(), recipe, target }, verbs.io({ recipe, target })).look(vault.open(credentialId))
    },
    list: ledger.list,
    lateness: () => latenessOf(known, drive.stuck, now()),
    tend,
    async start() {
      for (const { record } of await ledger.underWay()) drive.run(record.id)
      await keepTending()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await drive.close()
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
    await ledger.begin(drive.sealed(record, { old: vault.open(credentialId) }))
    drive.run(record.id)
    return record
  }

  function versionOf(credentialId: string): number {
    const found = vault.list().find(({ id }) => id === credentialId)
    if (found === undefined) throw new StintError('not_found', `there is no credential ${credentialId}`)
    return found.version
  }

  async function keepTending(): Promise<void> {
    await tend().catch(report)
    if (!closed) timer = setTimeout(keepTending, TEND_MS).unref()
  }

  async function tend(): Promise<void> {
    const here = new Set([verbs.self, ...(await verbs.others())])
    for (const id of await ledger.adopt(verbs.self, (keeper) => here.has(keeper))) drive.run(id)
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
}
