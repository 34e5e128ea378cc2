import { createCache } from '../cache.ts'
import { StintError } from '../errors.ts'
import type { Target, Task } from '../model.ts'

/** Names of two generations; who names one that was forgotten begins another. */
const REMEMBERED = 10_000

type Field = string | readonly string[] | undefined
type Of = { readonly target: Target; readonly task: Task }

/** Which task was given what by a target that has it named again: a session, in a header field, or the state of a request. */
export interface BoundSessions {
  /** The target gave this task one. */
  bind(field: Field, of: Of): void
  /** Throws for one that this gateway did not see given to this task. */
  check(field: Field, of: Of): void
}

/** In memory: after a restart, and at another gateway, a client begins a new session. */
export function createBoundSessions(fail = noSession): BoundSessions {
  const given = createCache<true>(REMEMBERED)
  const keyOf = (field: Field, { task, target }: Of): string => `${task.id} ${target.id} ${String(field)}`
  return {
    bind(field, of) {
      if (field !== undefined) given.set(keyOf(field, of), true)
    },
    check(field, of) {
      if (field !== undefined && given.get(keyOf(field, of)) === undefined) throw fail()
    },
  }
}

function noSession(): StintError {
  return new StintError('not_found', 'the session is none that this task was given here; begin a new one')
}
