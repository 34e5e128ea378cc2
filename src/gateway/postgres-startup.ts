import type { ByteReader } from './byte-reader.ts'
import { malformed } from './refusal.ts'

/** What a client says first: it opens a session, or cancels what another one does. Attacker-controlled. */
export type Startup =
  | {
      readonly kind: 'session'
      /** By name, all but `user`, `database` and the protocol's own options. */
      readonly settings: ReadonlyMap<string, string>
      readonly user: string
      /** Empty when the client names none. */
      readonly database: string
      /** Options of a newer protocol, which the client is told are not known. */
      readonly unknown: readonly string[]
      readonly isNewer: boolean
    }
  | { readonly kind: 'cancel'; readonly key: string }

/** PostgreSQL's own bound (`MAX_STARTUP_PACKET_LENGTH`). */
const MAX_STARTUP_BYTES = 10_000
const MAX_REQUESTS = 2
/** "Message Formats": CancelRequest, SSLRequest, GSSENCRequest, and the major version of StartupMessage. */
const [CANCEL, SSL, GSSENC, MAJOR] = [80_877_102, 80_877_103, 80_877_104, 3]
const NO = Buffer.from('N')

/**
 * Reads the first message; requests to encrypt a connection that never leaves the machine or is inside another are answered `N`. Throws
 * `malformed_request`.
 */
export async function readStartup(reader: ByteReader, answer: (bytes: Buffer) => void): Promise<Startup> {
  for (let requests = 0; ; requests += 1) {
    const length = (await reader.read(4)).readUInt32BE()
    if (length < 8 || length > MAX_STARTUP_BYTES) throw malformed(`a startup message of ${length} bytes`)
    const message = await reader.read(length - 4)
    const code = message.readUInt32BE()
    if ((code === SSL || code === GSSENC) && length === 8 && requests < MAX_REQUESTS) answer(NO)
    else if (code === CANCEL && length === 16) return { kind: 'cancel', key: message.toString('hex', 4) }
    else if (code >>> 16 === MAJOR) return readSession(message)
    else throw malformed('the bytes are not the PostgreSQL protocol, version 3')
  }
}

/** "StartupMessage": pairs of names and values, each with a zero byte behind it, and one more at the end. */
function readSession(message: Buffer): Startup {
  const texts = new TextDecoder('utf-8').decode(message.subarray(4)).split('\0')
  if (texts.length % 2 !== 0 || texts.splice(-2).join('') !== '') throw malformed('the startup message has no end')
  const all = new Map<string, string>()
  for (let at = 0; at < texts.length; at += 2) {
    const [name = '', value = ''] = texts.slice(at)
    if (name === '' || all.has(name)) throw malformed('the startup message names a parameter twice, or none')
    all.set(name, value)
  }
  if (all.has('replication')) throw malformed('replication is not offered')
  const unknown = [...all.keys()].filter((name) => name.startsWith('_pq_.'))
  const { user = '', database = '' } = { user: all.get('user'), database: all.get('database') }
  for (const name of ['user', 'database', ...unknown]) all.delete(name)
  return { kind: 'session', settings: all, user, database, unknown, isNewer: message.readUInt16BE(2) > 0 }
}
