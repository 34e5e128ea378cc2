import { randomBytes } from 'node:crypto'
import type { StintError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'
import { cstring, FLAGS, int32, OFFERED, readPacket, writePacket } from './mysql-packets.ts'
import { malformed } from './refusal.ts'

/** What a client says in its handshake. Attacker-controlled. */
export interface Hello {
  readonly sequence: number
  /** Of those that were offered. */
  readonly flags: number
  readonly maxPacketBytes: number
  readonly charset: number
  readonly user: string
  /** Empty when the client names none. */
  readonly database: string
}

/** Clients look at it for what a server can do; every one that speaks to MySQL 5.7 speaks to later ones and to MariaDB. */
const VERSION = '5.7.0-stint'
const UTF8MB4 = 45
const AUTOCOMMIT = 2
const PLUGIN = 'mysql_native_password'

/** "Protocol::HandshakeV10", packet 0. The scramble is for a password that nobody looks at: the connection is proved otherwise. */
export function greet(): Buffer {
  const scramble = Buffer.from(randomBytes(20).map((byte) => (byte % 94) + 33))
  const flags = int32(OFFERED)
  return writePacket(
    0,
    Buffer.from([10]),
    cstring(VERSION),
    int32(1),
    scramble.subarray(0, 8),
    Buffer.from([0]),
    flags.subarray(0, 2),
    Buffer.from([UTF8MB4, AUTOCOMMIT, 0]),
    flags.subarray(2),
    Buffer.from([21]),
    Buffer.alloc(10),
    scramble.subarray(8),
    Buffer.from([0]),
    cstring(PLUGIN),
  )
}

/** "Protocol::HandshakeResponse41". Throws `malformed_request`. */
export async function readHello(reader: ByteReader): Promise<Hello> {
  const { sequence, payload } = await readPacket(reader, fail)
  if (sequence !== 1 || payload.length < 32) throw fail('the handshake is not one of MySQL 4.1 or later')
  const asked = payload.readUInt32LE()
  if ((asked & FLAGS.protocol41) === 0) throw fail('the handshake is not one of MySQL 4.1 or later')
  if ((asked & FLAGS.ssl) !== 0)
    throw fail('TLS was not offered: the connection does not leave the machine, or is inside another')
  const [user, afterUser] = readText(payload, 32)
  const afterAuth = skipAuth(payload, afterUser, asked)
  const [database] = (asked & FLAGS.connectWithDb) === 0 ? [''] : readText(payload, afterAuth)
  const maxPacketBytes = payload.readUInt32LE(4)
  return { sequence, flags: asked & OFFERED, maxPacketBytes, charset: payload.readUInt8(8), user, database }
}

function skipAuth(payload: Buffer, at: number, asked: number): number {
  if ((asked & (FLAGS.lengthEncodedAuth | FLAGS.secureConnection)) === 0) return readText(payload, at)[1]
  const length = payload[at] ?? 0
  if (length > 250 || at + 1 + length > payload.length) throw fail('the handshake ends too early')
  return at + 1 + length
}

/** Text up to a zero byte, which the last one may lack. */
function readText(payload: Buffer, at: number): readonly [text: string, next: number] {
  const found = payload.indexOf(0, at)
  const end = found === -1 ? payload.length : found
  return [payload.toString('utf8', at, end), end + 1]
}

function fail(why: string): StintError {
  return malformed(why)
}
