import { StintError } from '../../errors.ts'
import type { Target } from '../../model.ts'
import type { Setting } from '../minting.ts'

/** A place as `Io.connect` takes it. */
export interface Server {
  readonly host: string
  readonly port: number
  readonly tls: boolean
}

/** Whether a server with a protocol of its own is spoken to over TLS: always, unless the target says otherwise and is private. */
export const tlsSetting: Setting = {
  summary: '`off` to speak in the clear, into private networks only; TLS with a verified certificate when it is absent.',
  required: false,
  isList: false,
  pattern: /^(?:on|off)$/,
}

/** Where the users of such a target live. Throws `invalid_argument` for more than one place, a wildcard, and clear text to everywhere. */
export function serverOf({ hosts, settings = {}, privateNetworks }: Target): Server {
  const [rule, ...more] = hosts
  if (rule === undefined || more.length > 0 || rule.host.startsWith('*'))
    throw new StintError('invalid_argument', 'hosts takes one server, by its own name: its users are made there')
  const tls = settings.tls !== 'off'
  if (!tls && privateNetworks.length === 0)
    throw new StintError(
      'invalid_argument',
      'settings.tls takes off only into privateNetworks: a password would be sent in the clear',
    )
  return { host: rule.host, port: rule.port, tls }
}
