import { StintError } from '../../errors.ts'
import type { HostRule, Target } from '../../model.ts'

/** What a setting takes that names an address beside the target’s hosts: a scheme, a host, perhaps a port. */
export const ADDRESS = /^https?:\/\/[A-Za-z0-9.[\]:-]{1,200}$/

/** Refuses an address that is none, and clear HTTP outside private networks: credentials go there. Throws `invalid_argument`. */
export function checkAddress({ settings, privateNetworks }: Target, name: string): void {
  const address = settings?.[name]
  if (address === undefined) return
  const isClear = String(address).startsWith('http:') && privateNetworks.length === 0
  if (isClear || !URL.canParse(String(address)))
    throw new StintError('invalid_argument', `settings.${name} takes an https address; http only into privateNetworks`)
}

/** The place of an address that was checked. */
export function placeAt(address: string): HostRule {
  const { protocol, hostname, port } = new URL(address)
  const scheme = protocol === 'http:' ? 'http' : 'https'
  return { scheme, host: hostname, port: Number(port) || (scheme === 'http' ? 80 : 443) }
}
