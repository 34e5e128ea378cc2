import type { Io } from '../credentials/minting.ts'
import { StintError } from '../errors.ts'
import type { HostRule } from '../model.ts'
import type { Dial, DialSettings } from './dial.ts'
import { exchange as askOnce } from './exchange.ts'

const LIMITS = { maxBytes: 1024 * 1024, timeoutMs: 10_000 }

const MAX_KEPT = 1000
const kept = new WeakMap<Dial, Map<string, Io>>()

/**
 * The way out to `places` and no others, reached as `settings` say. Clear HTTP only where a place says so. Equal places and settings
 * have the same one, so that a connector finds what it keeps open there.
 */
export function createIo(dial: Dial, places: readonly HostRule[], settings: DialSettings, now: () => number): Io {
  const known = kept.get(dial) ?? new Map<string, Io>()
  const { privateNetworks, trustedCa, alpn } = settings
  const key = JSON.stringify([places.map(({ scheme, host, port }) => [scheme, host, port]), privateNetworks, trustedCa, alpn])
  const found = known.get(key)
  const io = found?.now === now ? found : limit(dial, places, settings, now)
  if (known.size >= MAX_KEPT) known.clear()
  kept.set(dial, known.set(key, io))
  return io
}

function limit(dial: Dial, places: readonly HostRule[], settings: DialSettings, now: () => number): Io {
  const check = (host: string, port: number | undefined, scheme?: string): void => {
    const fits = (rule: HostRule) =>
      (port === undefined || rule.port === port) &&
      (scheme === undefined || rule.scheme === scheme) &&
      (rule.host === host || (rule.host.startsWith('*.') && host.endsWith(rule.host.slice(1))))
    if (!places.some(fits))
      throw new StintError('host_not_in_lease', `${host}${port === undefined ? '' : `:${port}`} is not a place of this target`)
  }
  return {
    now,
    async connect({ host, port, tls }) {
      check(host, port)
      return dial.dial({ ...settings, host, port, tls })
    },
    async secure(connection, host) {
      check(host, undefined)
      return dial.secure(connection, { host, trustedCa: settings.trustedCa })
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
