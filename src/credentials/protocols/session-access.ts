import { StintError } from '../../errors.ts'
import type { Action } from '../../model.ts'
import type { Setting } from '../minting.ts'

/** What a session may do where its client does not say; a target is read until it says otherwise. */
export const accessSetting: Setting = {
  summary: '`write` for sessions that may also change data; `read`, or nothing, for sessions that only read.',
  required: false,
  isList: false,
  pattern: /^(?:read|write)$/,
}

export type SessionAccess = 'read' | 'write'

/** What a session asks for: a client that calls itself `read` asks for no more than that; any other takes what its target offers. */
export function sessionAccess(user: string, settings: Readonly<Record<string, unknown>> | undefined): SessionAccess {
  return user !== 'read' && settings?.access === 'write' ? 'write' : 'read'
}

/** The access that an action of `kind` opens a session for. Throws `unknown_action`. */
export function accessOf(kind: string, { id }: Action): SessionAccess {
  if (id === `${kind}:Session::read`) return 'read'
  if (id === `${kind}:Session::write`) return 'write'
  throw new StintError('unknown_action', `${kind} knows sessions that read and sessions that write`)
}
