import { FormatError, type Member, type Room } from './member.ts'

const BLOCK_BYTES = 512
/** Types of entry (POSIX.1-2024, pax, "ustar Interchange Format"; GNU tar, "Basic Tar Format"). */
const FILES = ['0', '\0', '7']
const PAX = 'x'
const GNU_LONG_NAME = 'L'

/** True for bytes that begin with the header of a tar archive whose checksum holds. */
export function isTar(bytes: Buffer): boolean {
  return (
    bytes[257] === 0x75 && bytes.length >= BLOCK_BYTES && bytes.toString('latin1', 257, 262) === 'ustar' && checksumHolds(bytes)
  )
}

/** The files of a tar archive: ustar, pax or GNU. Throws FormatError. Attacker-controlled. */
export function* readTar(bytes: Buffer, room: Room): Generator<Member> {
  let longName: string | undefined
  for (let at = 0; at + BLOCK_BYTES <= bytes.length; ) {
    const header = bytes.subarray(at, at + BLOCK_BYTES)
    if (header[0] === 0) return // the end is blocks of zeroes
    if (!checksumHolds(header)) throw new FormatError('a header in it is broken')
    const size = numberOf(header.subarray(124, 136))
    const data = bytes.subarray(at + BLOCK_BYTES, at + BLOCK_BYTES + size)
    if (data.length < size) throw new FormatError('it ends in the middle of a member')
    const type = String.fromCharCode(header[156] ?? 0)
    room.enter()
    if (FILES.includes(type)) yield { name: longName ?? nameOf(header), bytes: data }
    if (type === PAX) longName = paxPath(data) ?? longName
    else longName = type === GNU_LONG_NAME ? textOf(data) : undefined
    at += BLOCK_BYTES + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
  }
}

/** The sum of the header's bytes, those of the checksum itself being spaces. */
function checksumHolds(header: Buffer): boolean {
  let sum = 0
  for (let i = 0; i < BLOCK_BYTES; i += 1) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0)
  return sum === Number.parseInt(header.toString('latin1', 148, 156), 8)
}

/** In octal digits, or in base 256 where the first bit is set (GNU). Throws FormatError for none, and for one that no file here has. */
function numberOf(field: Buffer): number {
  const isBinary = ((field[0] ?? 0) & 0x80) !== 0
  const value = isBinary ? field.readUIntBE(6, 6) : Number.parseInt(field.toString('latin1').trim() || '0', 8)
  if (!Number.isSafeInteger(value)) throw new FormatError('a header in it is broken')
  return value
}

function nameOf(header: Buffer): string {
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? textOf(header.subarray(345, 500)) : ''
  const name = textOf(header.subarray(0, 100))
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Records are `length key=value\n`. */
function paxPath(data: Buffer): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(data.toString('utf8'))?.[1]
}

function textOf(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end < 0 ? field.length : end)
}
