import { StintError } from '../../errors.ts'
import type { Action } from '../../model.ts'
import { namesAction } from '../../scope.ts'
import type { HandOutWish } from '../minting.ts'

/**
 * What git is handed a credential for: the named repository, or the only one that `known` lists; to push where the task may, which no
 * credential helper is told of, else to fetch. Throws `unknown_action`.
 */
export function handOutForGit(wish: HandOutWish, known: readonly string[]): Action {
  return handOutFor(['git:push', 'git:fetch'], wish, known)
}

/** The same for Docker, which names a registry only. */
export function handOutForDocker(wish: HandOutWish, known: readonly string[]): Action {
  return handOutFor(['oci:Manifest::put', 'oci:Manifest::get'], { ...wish, path: '' }, known)
}

function handOutFor([push = '', pull = '']: readonly string[], { path, scope }: HandOutWish, known: readonly string[]): Action {
  const [only, ...more] = known
  const repository = (path || (more.length === 0 ? only : undefined))?.toLowerCase()
  const id = [push, pull].find((one) => scope.actions.some((pattern) => namesAction(pattern, one)))
  if (repository === undefined)
    throw new StintError(
      'unknown_action',
      'no repository is named, and the target lists not just one; git: set credential.useHttpPath',
    )
  if (id === undefined) throw new StintError('unknown_action', `the task’s scope names neither ${pull} nor ${push}`)
  return { id, access: id === push ? 'write' : 'read', resource: repository, parameters: { repository } }
}
