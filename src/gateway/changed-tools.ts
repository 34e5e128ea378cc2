import { StintError } from '../errors.ts'
import type { Action, Target } from '../model.ts'

/** Actions whose meaning changed since an operator looked at it. */
export interface ChangedTools {
  set(target: Target, action: Pick<Action, 'id' | 'resource'>, isChanged: boolean): void
  /** Throws `tool_changed`. */
  check(target: Target, action: Action): void
}

/** In memory, of each target as it is declared now: what the operator takes or declares anew is looked at anew. */
export function createChangedTools(): ChangedTools {
  const changed = new WeakMap<Target, Set<string>>()
  const keyOf = ({ id, resource }: Pick<Action, 'id' | 'resource'>): string => `${id} ${resource}`
  return {
    set(target, action, isChanged) {
      const found = changed.get(target) ?? new Set()
      if (isChanged) changed.set(target, found.add(keyOf(action)))
      else found.delete(keyOf(action))
    },
    check(target, action) {
      if (changed.get(target)?.has(keyOf(action)))
        throw new StintError(
          'tool_changed',
          `the definition of ${action.resource} changed; an operator can: stint mcp pin ${target.id}`,
        )
    },
  }
}
