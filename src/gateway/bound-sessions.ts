import { createCache } from '../cache.ts'
import { StintError } from '../errors.ts'
import type { Target, Task } from '../model.ts'

/** Sessions of two generations; who names one that was forgotten begins another. */
const REMEMBERED = 10_000

type Field = string | string[] | undefined
type Of = { readonly target: Target; readonly task: Task }

/** Which task was given which session by a target that names sessions in a header field. */
export interface BoundSessions {
  /** The target gave this task a session. */
  bind(field: Field, of: Of): void
  /** Throws `not_found` for a session that this gateway did not see given to this task. */
  check(field: Field, of: Of): void
}

/** In memory: after a restart, and at another gateway, a client begins a new session. */
export function createBoundSessions(): BoundSessions {
  const tasks = createCache<string>(REMEMBERED)
  const keyOf = (field: Field, { target }: Of): string => `${target.id} ${String(field)}`
  return {
    bind(field, of) {
      if (field !== undefined) tasks.set(keyOf(field, of), of.task.id)
    },
    check(field, of) {
      if (field !== undefined && tasks.get(keyOf(field, of)) !== of.task.id)
        throw new StintError('not_found', 'the session is none that this task was given here; begin a new one')
    },
  }
}
