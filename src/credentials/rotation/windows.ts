import { uses } from './check-recipe.ts'
import type { RotationRecord } from './rotation-record.ts'

type Ruled = Pick<RotationRecord, 'recipe'>

/** For how long requests with the old value may still be on their way. */
export function graceMs({ recipe: { graceSeconds = 10 } }: Ruled): number {
  return graceSeconds * 1000
}

/** For how long the target may not know yet what it did. */
export function propagationMs({ recipe: { propagationSeconds = 5 } }: Ruled): number {
  return propagationSeconds * 1000
}

/** What the operator looks for at the target. */
export function nameOf({ id, recipe, target, newId, askedAt = 0 }: RotationRecord): string {
  const at = `at ${target.id}, asked for at ${new Date(askedAt).toISOString()}`
  if (newId !== undefined) return `the key ${newId} ${at}`
  return uses(recipe.make.request, 'rotation') ? `a key that bears the name ${id} ${at}` : `a key without a name ${at}`
}
