import { createHash, constants as crypto, publicEncrypt } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { StintError } from '../errors.ts'
import { type ByteReader, createByteReader } from './byte-reader.ts'
import type { Hello } from './mysql-greeting.ts'
import { cstring, FLAGS, int32, type Packet, readPacket, writePacket } from './mysql-packets.ts'

/** How to log in: as the lease's user, with what the client asked for. */
export interface Wish {
  readonly hello: Hello
  readonly username: string
  readonly password: string
  /** Makes TLS of the connection; absent where the target is spoken to in the clear. */
  secure?(connection: Duplex): Promise<Duplex>
}

/** A session that takes commands, and the server's OK packet. */
export interface LoggedIn {
  readonly upstream: Duplex
  readonly ok: Buffer
}

const SCRAMBLE_BYTES = 20
const [OK, MORE, SWITCH] = [0, 1, 0xfe]
/** caching_sha2_password: "fast authentication", "full authentication", and the request for the server's key. */
const [FAST, FULL, KEY_PLEASE] = [3, 4, 2]
const ALWAYS = FLAGS.protocol41 | FLAGS.secureConnection | FLAGS.pluginAuth

/**
 * Logs in at a server that speaks first ("Connection Phase"), by mysql_native_password or caching_sha2_password; no other way is known, and
 * the password itself is sent over TLS or under the server's key only. Throws `upstream_failed` and what the connection breaks with.
 */
export async function logIn(connection: Duplex, { hello, username, password, secure }: Wish): Promise<LoggedIn> {
  let [reader, upstream] = [readerOf(connection), connection]
  const greeting = readGreeting(await readPacket(reader, failed))
  const flags = (hello.flags & ~FLAGS.connectAttributes & ~FLAGS.connectWithDb) | ALWAYS
  const wanted = flags | (hello.database === '' ? 0 : FLAGS.connectWithDb) | (secure === undefined ? 0 : FLAGS.ssl)
  if ((wanted & ~greeting.flags & ~FLAGS.longPassword) !== 0) throw failed('it cannot do what the client asks for, or has no TLS')
  const head = Buffer.concat([int32(wanted), int32(hello.maxPacketBytes), Buffer.from([hello.charset]), Buffer.alloc(23)])
  let sequence = 1
  if (secure !== undefined) {
    reader.release()
    if (connection.readableLength > 0) throw failed('it speaks before TLS does')
    connection.write(writePacket(sequence, head))
    upstream = await secure(connection)
    upstream.on('error', () => {}) // whoever reads is told
    reader = readerOf(upstream)
    sequence += 1
  }
  const plugin = greeting.plugin === 'caching_sha2_password' ? greeting.plugin : 'mysql_native_password'
  const token = tokenOf(plugin, password, greeting.scramble)
  const database = hello.database === '' ? [] : [cstring(hello.database)]
  upstream.write(writePacket(sequence, head, cstring(username), Buffer.from([token.length]), token, ...database, cstring(plugin)))
  const ok = await prove({ upstream, reader, plugin, password, scramble: greeting.scramble, isSecure: secure !== undefined })
  reader.release()
  return { upstream, ok }
}

interface Proof {
  readonly upstream: Duplex
  readonly reader: ByteReader
  readonly plugin: string
  readonly password: string
  readonly scramble: Buffer
  readonly isSecure: boolean
}

/** Answers what the server asks until it says OK; a server that keeps asking is refused. */
async function prove(proof: Proof): Promise<Buffer> {
  const { upstream, reader, password, isSecure } = proof
  let { plugin, scramble } = proof
  for (let rounds = 0; rounds < 6; rounds += 1) {
    const { sequence, payload } = await readPacket(reader, failed)
    const say = (bytes: Buffer): void => void upstream.write(writePacket(sequence + 1, bytes))
    const isSha2 = plugin === 'caching_sha2_password'
    if (payload[0] === OK) return payload
    if (payload[0] === SWITCH) {
      const end = payload.indexOf(0, 1)
      plugin = payload.toString('latin1', 1, end === -1 ? payload.length : end)
      scramble = payload.subarray(end + 1, end + 1 + SCRAMBLE_BYTES)
      say(tokenOf(plugin, password, scramble))
    } else if (payload[0] !== MORE || !isSha2) throw refused(payload)
    else if (payload[1] === FULL && isSecure) say(cstring(password))
    else if (payload[1] === FULL) say(Buffer.from([KEY_PLEASE]))
    else if (payload[1] !== FAST) say(sealed(password, scramble, payload.subarray(1)))
  }
  throw failed('its handshake does not end')
}

/** "Native authentication" and "caching_sha2_password information". Throws `upstream_failed` for any other plugin. */
function tokenOf(plugin: string, password: string, scramble: Buffer): Buffer {
  if (scramble.length !== SCRAMBLE_BYTES) throw failed('its handshake is too short')
  const hash = (algorithm: string, ...parts: readonly Buffer[]): Buffer =>
    createHash(algorithm).update(Buffer.concat(parts)).digest()
  if (plugin === 'mysql_native_password') {
    const once = hash('sha1', Buffer.from(password))
    return xor(once, hash('sha1', scramble, hash('sha1', once)))
  }
  if (plugin !== 'caching_sha2_password') throw failed('it asks for a way to log in that Stint does not know')
  const once = hash('sha256', Buffer.from(password))
  return xor(once, hash('sha256', hash('sha256', once), scramble))
}

/** Under the server's RSA key, where there is no TLS. */
function sealed(password: string, scramble: Buffer, key: Buffer): Buffer {
  try {
    return publicEncrypt({ key, padding: crypto.RSA_PKCS1_OAEP_PADDING }, xor(cstring(password), scramble))
  } catch {
    throw failed('its key is not one')
  }
}

function xor(bytes: Buffer, pad: Buffer): Buffer {
  return Buffer.from(bytes.map((byte, at) => byte ^ (pad[at % pad.length] ?? 0)))
}

interface Greeting {
  readonly flags: number
  readonly scramble: Buffer
  readonly plugin: string
}

/** "Protocol::HandshakeV10". */
function readGreeting({ sequence, payload }: Packet): Greeting {
  const at = payload.indexOf(0, 1) + 1
  if (payload[0] === 0xff) throw refused(payload)
  if (sequence !== 0 || payload[0] !== 10 || at === 0 || payload.length < at + 44)
    throw failed('it does not speak the MySQL protocol')
  const end = payload.indexOf(0, at + 44)
  return {
    flags: payload.readUInt16LE(at + 13) | (payload.readUInt16LE(at + 18) << 16),
    scramble: Buffer.concat([payload.subarray(at + 4, at + 12), payload.subarray(at + 31, at + 43)]),
    plugin: payload.toString('latin1', at + 44, end === -1 ? payload.length : end),
  }
}

function readerOf(connection: Duplex): ByteReader {
  return createByteReader(connection, () => failed('it closed the connection'))
}

/** The error number alone: its words could repeat what was sent. */
function refused(payload: Buffer): StintError {
  const isError = payload[0] === 0xff && payload.length >= 3
  return failed(
    isError ? `it refused to log in the user of this session (error ${payload.readUInt16LE(1)})` : 'it answers something else',
  )
}

function failed(why: string): StintError {
  return new StintError('upstream_failed', `MySQL: ${why}`)
}
