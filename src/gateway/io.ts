import type { Duplex } from 'node:stream'
import { StintError } from '../errors.ts'
import type { HostRule } from '../model.ts'
import type { Dial, DialSettings } from './dial.ts'
import { exchange as askOnce, type OwnAnswer, type OwnRequest } from './exchange.ts'

const LIMITS = { maxBytes: 1024 * 1024, timeoutMs: 10_000 }

/** The world, limited to some places: what a connector mints, revokes and probes with. credentials/minting.ts says what it promises. */
export interface LimitedIo {
  now(): number
  connect(place: { readonly host: string; readonly port: number; readonly tls: boolean }): Promise<Duplex>
  exchange(request: OwnRequest): Promise<OwnAnswer>
}

/** The way out to `places` and no others, reached as `settings` say. Clear HTTP only where a place says so. */
export function createIo(dial: Dial, places: readonly HostRule[], settings: DialSettings, now: () => number): LimitedIo {
  const check = (host: string, port: number, scheme?: string): void => {
    const fits = (rule: HostRule) =>
      rule.port === port &&
      (scheme === undefined || rule.scheme === scheme) &&
      (rule.host === host || (rule.host.startsWith('*.') && host.endsWith(rule.host.slice(1))))
    if (!places.some(fits)) throw new StintError('host_not_in_lease', `${host}:${port} is not a place of this target`)
  }
  return {
    now,
    async connect({ host, port, tls }) {
      check(host, port)
      return dial.dial({ ...settings, host, port, tls })
    },
    async exchange(request) {
      const { protocol, hostname, port, username, password } = new URL(request.url)
      const scheme = protocol.slice(0, -1)
      if (username !== '' || password !== '') throw new StintError('internal', 'a URL carries a user')
      check(hostname, Number(port) || (scheme === 'https' ? 443 : 80), scheme)
      return askOnce(dial, settings, request, LIMITS)
    },
  }
}
