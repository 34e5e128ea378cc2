import { inflate } from './inflate.ts'
import { FormatError, type Member, type Room } from './member.ts'

/** Signatures (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16). */
const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const END_BYTES = 22
const MOST_COMMENT = 0xffff
const ENCRYPTED = 1

/** One file of an archive as its central directory has it. */
interface Entry {
  readonly name: string
  readonly flags: number
  readonly method: number
  readonly packed: number
  readonly at: number
}

/** The files of a ZIP archive (APPNOTE.TXT 6.3.10), which is also a JAR, a wheel and an Office document. Throws FormatError. Attacker-controlled. */
export function* readZip(bytes: Buffer, room: Room): Generator<Member> {
  for (const entry of readDirectory(bytes)) {
    if (entry.name.endsWith('/')) continue
    room.enter()
    yield { name: entry.name, ...readEntry(bytes, entry, room) }
  }
}

function* readDirectory(bytes: Buffer): Generator<Entry> {
  const end = findEnd(bytes)
  let at = bytes.readUInt32LE(end + 16)
  const count = bytes.readUInt16LE(end + 10)
  for (let i = 0; i < count; i += 1) {
    if (at + CENTRAL_BYTES > bytes.length || bytes.readUInt32LE(at) !== CENTRAL)
      throw new FormatError('its list of members is broken')
    const nameBytes = bytes.readUInt16LE(at + 28)
    const name = bytes.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes)
    yield {
      name,
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      packed: bytes.readUInt32LE(at + 20),
      at: bytes.readUInt32LE(at + 42),
    }
    at += CENTRAL_BYTES + nameBytes + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32)
  }
}

function findEnd(bytes: Buffer): number {
  const least = Math.max(0, bytes.length - END_BYTES - MOST_COMMENT)
  for (let at = bytes.length - END_BYTES; at >= least; at -= 1) if (bytes.readUInt32LE(at) === END) return at
  throw new FormatError('its list of members is missing')
}

function readEntry(bytes: Buffer, { flags, method, packed, at }: Entry, room: Room): { bytes: Buffer } | { why: string } {
  if ((flags & ENCRYPTED) !== 0) return { why: 'it is encrypted' }
  if (at + LOCAL_BYTES > bytes.length || bytes.readUInt32LE(at) !== LOCAL) return { why: 'it is not where its archive says' }
  const from = at + LOCAL_BYTES + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28)
  if (from + packed > bytes.length) return { why: 'it is not where its archive says' }
  const data = bytes.subarray(from, from + packed)
  if (method === 0) {
    room.take(data.length)
    return { bytes: data }
  }
  if (method !== 8) return { why: `its compression (method ${method}) is not known` }
  try {
    return { bytes: inflate(data, 'deflate', room) }
  } catch (thrown) {
    if (thrown instanceof FormatError) return { why: thrown.message }
    throw thrown
  }
}
