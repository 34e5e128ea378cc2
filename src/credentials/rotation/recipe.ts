/** A value that JSON has (RFC 8259). */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }

/** Which value a request shows, where the target's placement has it: the one in use, the new one, or the one that is looked at. */
export type Shown = 'old' | 'new' | 'key'

/**
 * One request of a recipe. `{{name}}` in a path, a query, a header or a string of the body stands for a value, escaped for its place;
 * which names there are depends on the step (`NAMES`).
 */
export interface RecipeRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Absolute, at a host of the target or at one of the recipe's origins. */
  readonly url: string
  readonly with?: Shown
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: Json
}

/**
 * How the owner of one key gets another and ends the first, for a system whose accounts may have two at a time. Data, declared by the
 * operator. Pointers are JSON Pointers (RFC 6901) into answers.
 */
export interface Recipe {
  /** The target that the key is of: its hosts, its networks, its CA, and where a request shows the key. */
  readonly target: string
  /** Further places that requests go to: `https://accounts.example.com`. */
  readonly origins?: readonly string[]
  /** What the system calls the key that is in the vault now; needed where `retire` says `{{id}}`. Later ones come from `make.id`. */
  readonly currentId?: string
  /** Gets a second key. `{{rotation}}` in its name lets it be found again. */
  readonly make: { readonly request: RecipeRequest; readonly new: string; readonly id?: string }
  /** Lists the keys, so that one whose making was not heard of is found by `{{rotation}}` in its name. The whole list, in one answer. */
  readonly find?: { readonly request: RecipeRequest; readonly keys: string; readonly name: string; readonly id: string }
  /** A request that does no harm and works with a living key alone. Statuses that are in neither list say nothing. */
  readonly probe: { readonly request: RecipeRequest; readonly works?: readonly number[]; readonly refused?: readonly number[] }
  /** Ends a key. `old` and `{{id}}` are the one to end, `new` is the one that stays: so it undoes as well. */
  readonly retire: { readonly request: RecipeRequest }
  /** For how long after everyone has the new value requests with the old one may still be on their way; 10 unless given. */
  readonly graceSeconds?: number
  /** For how long the system may not know a new key, or still take one that was ended; 5 unless given. */
  readonly propagationSeconds?: number
}

export type Step = 'make' | 'find' | 'probe' | 'retire'
export type Name = 'old' | 'new' | 'key' | 'id' | 'rotation'

/** What each step may say and show. */
export const NAMES: Readonly<Record<Step, { readonly names: readonly Name[]; readonly shows: readonly Shown[] }>> = {
  make: { names: ['old', 'rotation'], shows: ['old'] },
  find: { names: ['old', 'rotation'], shows: ['old'] },
  probe: { names: ['key'], shows: ['key'] },
  retire: { names: ['old', 'new', 'id', 'rotation'], shows: ['old', 'new'] },
}

/** Statuses of a probe, unless the recipe names its own (RFC 9110, sections 15.3, 15.5.2 and 15.5.4). */
export const WORKS: readonly number[] = [200, 204]
export const REFUSED: readonly number[] = [401, 403]

/** Every step of a recipe with its request, in order. */
export function requestsOf({ make, find, probe, retire }: Recipe): readonly (readonly [Step, RecipeRequest])[] {
  const steps = { make, find, probe, retire }
  return (Object.keys(NAMES) as Step[]).flatMap((step) => {
    const request = steps[step]?.request
    return request === undefined ? [] : [[step, request] as const]
  })
}
