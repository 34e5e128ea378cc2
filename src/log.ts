import { type DestinationStream, destination, type Logger, pino } from 'pino'
import type { Config } from './config.ts'

/** The operator's log. Children carry a correlation id: `log.child({ correlationId })`. */
export type Log = Logger

const HIDDEN_HEADERS = ['authorization', 'proxy-authorization', 'dpop', 'cookie', 'set-cookie']

/** Every place a header may be logged at: the root, one level down and `req.headers`-deep. */
const REDACTED_PATHS = HIDDEN_HEADERS.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`])

/** Credentials in running text, as HTTP writes them (RFC 9110, section 11.4), and bare JWTs. */
const IN_TEXT: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|DPoP|Basic)\s+[\w.~+/=-]{8,}/gi, '$1 [secret]'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, '[secret]'],
]

/** JSON lines on stderr (or `to`). Credential headers, tokens in running text and every Secret are replaced (G2). */
export function createLog(level: Config['logLevel'], to: DestinationStream = destination({ dest: 2, sync: true })): Log {
  const hooks = { streamWrite: (line: string) => IN_TEXT.reduce((text, [pattern, by]) => text.replace(pattern, by), line) }
  const redact = { paths: REDACTED_PATHS, censor: '[secret]' }
  return pino({ level, hooks, redact, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` }, to)
}
