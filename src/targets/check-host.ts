import { isIPv4 } from 'node:net'
import { StintError } from '../errors.ts'
import { spellHost } from '../spell-host.ts'

/** One spelling of a host, the one that the gateway looks for; `*.suffix` where `wild`. Throws `invalid_argument`. */
export function checkHost(text: string, wild: boolean): string {
  const refuse = (why: string): never => {
    throw new StintError('invalid_argument', `host ${JSON.stringify(text.slice(0, 100))} ${why}`)
  }
  if (!text.startsWith('*.')) return spellHost(text, refuse)
  if (!wild) return refuse('is a wildcard, which is not taken here')
  const suffix = spellHost(text.slice(2), refuse)
  if (isIPv4(suffix) || !suffix.includes('.')) return refuse('is a wildcard, which needs a suffix of two labels or more')
  return `*.${suffix}`
}

/** A port number from 1 to 65535. Throws `invalid_argument`. */
export function checkPort(port: number): number {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new StintError('invalid_argument', 'a port is a whole number from 1 to 65535')
}
