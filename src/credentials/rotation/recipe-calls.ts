import { asStintError } from '../../errors.ts'
import type { Secret } from '../../secret.ts'
import type { Io } from '../minting.ts'
import { type Making, readFound, readMaking, readProbe, readRetiring } from './answers.ts'
import { fillRequest } from './fill-request.ts'
import type { RecipeRequest } from './recipe.ts'
import type { RotationRecord } from './rotation-record.ts'
import type { Values } from './template.ts'

/** A key by what is known of it. */
export interface Key {
  readonly value?: Secret
  readonly id?: string | undefined
}

/** The recipe’s steps at its target. What the target cannot do for the moment throws `upstream_failed` or `upstream_timeout`. */
export interface RecipeCalls {
  /** Asks for another key. Throws nothing: who did not hear an answer does not know whether there is one. */
  make(old: Secret): Promise<Making>
  look(key: Secret): Promise<'live' | 'refused'>
  /** Ends a key; `stays` is one that works. Whether it is ended a look tells. */
  retire(ended: Key, stays: Secret): Promise<void>
  /** Ids of the keys that bear the rotation’s name; none where the recipe cannot tell. */
  find(stays: Secret): Promise<readonly string[]>
}

/** The steps of a rotation’s recipe. */
export function callsOf(
  { id: rotation, oldId, recipe, target }: Pick<RotationRecord, 'id' | 'oldId' | 'recipe' | 'target'>,
  io: Io,
): RecipeCalls {
  const ask = (request: RecipeRequest, values: Values) => io.exchange(fillRequest(request, values, target))
  const { make, probe, retire, find } = recipe
  return {
    async make(old) {
      try {
        return readMaking(await ask(make.request, { old: old.reveal(), rotation }), make, { value: old, id: oldId })
      } catch (thrown) {
        return { kind: 'unclear', why: asStintError(thrown).detail }
      }
    },
    look: async (key) => readProbe(await ask(probe.request, { key: key.reveal() }), probe),
    async retire({ value, id }, stays) {
      const ended = { ...(value && { old: value.reveal() }), ...(id !== undefined && { id }) }
      readRetiring(await ask(retire.request, { ...ended, new: stays.reveal(), rotation }), probe)
    },
    async find(stays) {
      return find === undefined ? [] : readFound(await ask(find.request, { old: stays.reveal(), rotation }), find, rotation)
    },
  }
}
