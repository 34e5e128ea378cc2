import type { Scope, Task } from '../model.ts'
import { namesAction } from '../scope.ts'

/** What a child asks for, against the parent that bounds it. */
export interface Narrowing {
  readonly scope: Scope
  readonly expiresAt: number
}

/** Says what of the child is wider than its parent, for people; undefined when it only narrows (G7). */
export function widens(parent: Pick<Task, 'scope' | 'expiresAt'>, child: Narrowing): string | undefined {
  const target = child.scope.targets.find((one) => !parent.scope.targets.includes(one))
  if (target !== undefined) return `target ${target} is not in the parent’s scope`
  const action = child.scope.actions.find((one) => !isCovered(one, parent.scope.actions))
  if (action !== undefined) return `action ${action} is not in the parent’s scope`
  if (!(child.expiresAt <= parent.expiresAt)) return 'it would outlive its parent'
  return undefined
}

/** True when the child’s scope only narrows the parent’s, in targets, actions and time (G7). */
export function childScopeFits(parent: Pick<Task, 'scope' | 'expiresAt'>, child: Narrowing): boolean {
  return widens(parent, child) === undefined
}

/** Every action that `pattern` names is named by one of `by`. Several patterns are not added up: the safe side. */
function isCovered(pattern: string, by: readonly string[]): boolean {
  return by.some((wide) => namesAction(wide, pattern))
}
