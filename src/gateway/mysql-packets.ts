import type { Refusal } from '../broker.ts'
import type { ByteReader } from './byte-reader.ts'
import { refusalText } from './refusal.ts'

/** One packet ("Protocol Basics", MySQL Packets): its number within the exchange, and what it says. Attacker-controlled. */
export interface Packet {
  readonly sequence: number
  readonly payload: Buffer
}

/** Of a handshake; real ones are a few hundred bytes. */
const MAX_HANDSHAKE_BYTES = 16_384
/** ER_ACCESS_DENIED_ERROR, which clients show and do not try again. */
const ACCESS_DENIED = 1045

/** What a handshake may set (Capabilities Flags); all but TLS, compression and local files, and nothing newer than MySQL 5.7. */
export const FLAGS = {
  /** MariaDB does not set it, and means its own flags by that; it means nothing else any more. */
  longPassword: 1,
  connectWithDb: 1 << 3,
  ssl: 1 << 11,
  protocol41: 1 << 9,
  secureConnection: 1 << 15,
  pluginAuth: 1 << 19,
  connectAttributes: 1 << 20,
  lengthEncodedAuth: 1 << 21,
} as const
/** LONG_PASSWORD to ODBC, IGNORE_SPACE to INTERACTIVE, IGNORE_SIGPIPE to PS_MULTI_RESULTS, plugins, attributes, SESSION_TRACK, DEPRECATE_EOF. */
export const OFFERED = 0x01bff75f

/** Throws `fail` for a packet that is no part of a handshake, and what the reader throws. */
export async function readPacket(reader: ByteReader, fail: (why: string) => Error): Promise<Packet> {
  const header = await reader.read(4)
  const length = header.readUIntLE(0, 3)
  if (length > MAX_HANDSHAKE_BYTES) throw fail('a packet of the handshake is too large')
  return { sequence: header.readUInt8(3), payload: await reader.read(length) }
}

export function writePacket(sequence: number, ...parts: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(parts)
  const header = Buffer.alloc(4)
  header.writeUIntLE(payload.length, 0, 3)
  header.writeUInt8(sequence & 255, 3)
  return Buffer.concat([header, payload])
}

/** ERR_Packet with SQL state 28000, invalid authorization specification. */
export function writeRefusalPacket(sequence: number, refusal: Refusal): Buffer {
  const head = Buffer.from([0xff, ACCESS_DENIED & 255, ACCESS_DENIED >> 8])
  return writePacket(sequence, head, Buffer.from(`#28000${refusalText(refusal).line}`))
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`)
}
