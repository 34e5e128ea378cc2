import type { SealOrder } from './api/verbs.ts'
import type { Rotations } from './credentials/rotation/rotations.ts'
import type { Vault } from './credentials/vault.ts'
import { StintError, undefinedWhereMissing } from './errors.ts'
import type { Glass } from './glass/glass.ts'
import type { Seal } from './glass/seal.ts'
import type { Targets } from './targets/targets.ts'

/** The rooms that sealing a credential goes through. */
interface SealRooms {
  readonly glass: Pick<Glass, 'seal' | 'forget'>
  readonly vault: Pick<Vault, 'add' | 'list'>
  readonly targets: Pick<Targets, 'get'>
  readonly rotations: Pick<Rotations, 'recipe'>
}

/** What the vault says of a value that it certainly did not take. After all else, such as a commit that broke off, it may have it: sealed it stays. */
const NOT_TAKEN: readonly string[] = ['invalid_argument', 'secret_too_short']

/**
 * Seals a credential that is there, or a new one: sealed first, then in the vault, so that there is no moment at which a policy reaches
 * it. Throws `not_found`, `conflict`, `invalid_argument`, `store_unavailable`.
 */
export async function sealCredential(
  { glass, vault, targets, rotations }: SealRooms,
  order: SealOrder,
  by: string,
): Promise<Seal> {
  const { targetId, value, byHand, ...wish } = order
  const { credentialId } = wish
  const isThere = vault.list().some(({ id }) => id === credentialId)
  if (value === undefined && !isThere) throw new StintError('not_found', `there is no credential ${credentialId}; give its value`)
  if (value !== undefined && isThere)
    throw new StintError('conflict', `credential ${credentialId} exists; seal it without a value, or remove it first`)
  const recipe = isThere ? await rotations.recipe(credentialId).catch(undefinedWhereMissing) : undefined
  if (recipe === undefined && byHand !== true)
    throw new StintError(
      'invalid_argument',
      `no recipe rotates ${credentialId}: declare one first with \`stint credential recipe\`, or say --no-rotation and replace it by hand after each opening`,
    )
  if (!isThere) await glass.forget(credentialId) // which a crash left behind
  const sealed = await glass.seal(wish, targets.get(targetId), by)
  if (value === undefined) return sealed
  try {
    await vault.add(credentialId, value)
  } catch (thrown) {
    if (thrown instanceof StintError && NOT_TAKEN.includes(thrown.code)) await glass.forget(credentialId)
    throw thrown
  }
  return sealed
}
