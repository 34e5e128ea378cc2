import type { DeclaredRecipe } from './rotation-ledger.ts'

/** After one that was undone the next is begun no sooner. */
const AGAIN_MS = 3_600_000

/** How far rotations are behind. */
export interface Lateness {
  /** Credentials that should have been rotated by now, and rotations under way that do not get on. */
  readonly late: number
  /** By how much the most overdue credential is. */
  readonly overdueSeconds: number
}

/** When its schedule wants the credential rotated; never without one. Epoch milliseconds. */
export function dueAt({ everySeconds, declaredAt, rotatedAt = declaredAt }: DeclaredRecipe): number {
  return everySeconds === undefined ? Number.POSITIVE_INFINITY : rotatedAt + everySeconds * 1000
}

/** When the next may begin by itself. */
export function mayBeginAt(declared: DeclaredRecipe): number {
  const { everySeconds = Number.POSITIVE_INFINITY, undoneAt } = declared
  const again = undoneAt === undefined ? 0 : undoneAt + Math.min(AGAIN_MS, everySeconds * 1000)
  return Math.max(dueAt(declared), again)
}

/** `stuck` are the credentials whose rotation is under way and late. */
export function latenessOf(recipes: readonly DeclaredRecipe[], stuck: ReadonlySet<string>, now: number): Lateness {
  const overdue = recipes.filter((one) => dueAt(one) < now)
  const late = new Set([...overdue.map(({ credentialId }) => credentialId), ...stuck])
  return { late: late.size, overdueSeconds: Math.max(0, ...overdue.map((one) => (now - dueAt(one)) / 1000)) }
}
