import { inflate } from './inflate.ts'
import type { Member, Room } from './member.ts'
import { isTar, readTar } from './tar.ts'
import { readZip } from './zip.ts'

/** A way to pack: how it begins, and how it is opened. */
interface Format {
  is(bytes: Buffer): boolean
  /** One member without a name is what is compressed as a whole. */
  open?(bytes: Buffer, room: Room): Iterable<Member>
  /** Why it is not opened. */
  readonly why?: string
}

const begins =
  (...head: readonly number[]) =>
  (bytes: Buffer): boolean =>
    head.every((byte, at) => bytes[at] === byte)

/** What is looked into, known by its first bytes: what it is called is anybody's choice, and git's objects have no names. */
const FORMATS: readonly Format[] = [
  { is: begins(0x50, 0x4b, 3, 4), open: readZip },
  { is: begins(0x1f, 0x8b, 8), open: (bytes, room) => [{ name: '', bytes: inflate(bytes, 'gzip', room) }] },
  { is: begins(0x28, 0xb5, 0x2f, 0xfd), open: (bytes, room) => [{ name: '', bytes: inflate(bytes, 'zstd', room) }] },
  { is: isTar, open: readTar },
  { is: begins(0x42, 0x5a, 0x68, 0x31 + 8, 0x31, 0x41, 0x59), why: 'it is compressed by bzip2, which is not opened' },
  { is: begins(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), why: 'it is compressed by xz, which is not opened' },
  { is: begins(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c), why: 'it is a 7z archive, which is not opened' },
  { is: begins(0x52, 0x61, 0x72, 0x21, 0x1a, 7), why: 'it is a RAR archive, which is not opened' },
]

/** How the content that begins with these bytes is packed; undefined where it is not. */
export function formatOf(bytes: Buffer): Format | undefined {
  return FORMATS.find(({ is }) => is(bytes))
}
