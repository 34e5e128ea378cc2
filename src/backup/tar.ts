import { StintError } from '../errors.ts'

/** A plain file on its way into an archive or out of one. */
export interface Member {
  /** Relative, with `/` between its parts. */
  readonly name: string
  readonly mode: number
  readonly size: number
  readonly content: AsyncIterable<Uint8Array>
}

const BLOCK = 512
/** What eleven octal digits hold. */
const MAX_SIZE = 8 ** 11 - 1
/** POSIX.1-2024, pax, "ustar Interchange Format": where each field of the header starts, and how long it is. */
const FIELDS: Readonly<Record<Field, readonly [at: number, length: number]>> = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  prefix: [345, 155],
}
type Field = 'name' | 'mode' | 'uid' | 'gid' | 'size' | 'mtime' | 'checksum' | 'type' | 'magic' | 'prefix'
const MAGIC = 'ustar\x0000'
const PLAIN_FILE = '0'

/** An archive of plain files, as any tar reads it. Throws `state_unsafe` for a file that changes its size meanwhile or does not fit. */
export async function* writeTar(members: AsyncIterable<Member>): AsyncGenerator<Uint8Array> {
  for await (const { name, mode, size, content } of members) {
    yield headerOf(name, mode, size)
    let written = 0
    for await (const chunk of content) {
      written += chunk.length
      yield chunk
    }
    if (written !== size) throw new StintError('state_unsafe', `${name} changed while it was read`)
    yield Buffer.alloc(padding(size))
  }
  yield Buffer.alloc(2 * BLOCK)
}

function headerOf(name: string, mode: number, size: number): Buffer {
  const header = Buffer.alloc(BLOCK)
  const put = (field: Field, text: string) => header.write(text, ...FIELDS[field])
  const cut = Buffer.byteLength(name) <= FIELDS.name[1] ? -1 : name.indexOf('/', name.length - FIELDS.name[1] - 1)
  const [prefix, rest] = [name.slice(0, Math.max(0, cut)), name.slice(cut + 1)]
  if (Buffer.byteLength(prefix) > FIELDS.prefix[1] || Buffer.byteLength(rest) > FIELDS.name[1] || size > MAX_SIZE)
    throw new StintError('state_unsafe', `${name} has too long a name, or is too large, for a backup`)
  put('name', rest)
  put('prefix', prefix)
  put('mode', octal(mode & 0o777, 7))
  put('uid', octal(0, 7))
  put('gid', octal(0, 7))
  put('size', octal(size, 11))
  put('mtime', octal(0, 11))
  put('type', PLAIN_FILE)
  put('magic', MAGIC)
  put('checksum', `${octal(checksum(header), 6)}\0 `)
  return header
}

/**
 * The members of an archive that `writeTar` made, each to be read before the next. Throws `backup_invalid` for one that ends early and
 * for anything but plain files whose names stay below where they are put. Attacker-controlled.
 */
export async function* readTar(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Member> {
  const bytes = createReader(archive)
  for (let header = await bytes.take(BLOCK); !isZero(header); header = await bytes.take(BLOCK)) {
    const member = parseHeader(header)
    let left = member.size
    async function* content(): AsyncGenerator<Uint8Array> {
      while (left > 0) {
        const chunk = await bytes.some(left)
        left -= chunk.length
        yield chunk
      }
    }
    yield { ...member, content: content() }
    if (left > 0) throw new Error('the content of a member was not read')
    if (!isZero(await bytes.take(padding(member.size)))) throw invalid('a file in it is followed by something else')
  }
  for await (const chunk of bytes.rest()) if (!isZero(chunk)) throw invalid('something follows its end')
}

function parseHeader(header: Buffer): Omit<Member, 'content'> {
  const text = (field: Field): string => {
    const [at, length] = FIELDS[field]
    return (
      header
        .subarray(at, at + length)
        .toString('utf8')
        .split('\0', 1)[0] ?? ''
    ).trimEnd()
  }
  const [magicAt] = FIELDS.magic
  if (number(text('checksum')) !== checksum(header) || header.toString('latin1', magicAt, magicAt + 8) !== MAGIC)
    throw invalid('a header in it is damaged')
  const name = [text('prefix'), text('name')].filter((part) => part !== '').join('/')
  const type = header.toString('latin1', ...spanOf('type'))
  if (type !== PLAIN_FILE) throw invalid(`${name} in it is not a plain file`)
  if (!isBelow(name)) throw invalid(`${JSON.stringify(name)} in it is not a name below the data directory`)
  return { name, mode: number(text('mode')), size: number(text('size')) }
}

function spanOf(field: Field): [start: number, end: number] {
  const [at, length] = FIELDS[field]
  return [at, at + length]
}

/** A name that leads nowhere but down, to nothing hidden. */
function isBelow(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  return !/[\x00-\x1f\x7f\\]/.test(name) && name.split('/').every((part) => part !== '' && !part.startsWith('.'))
}

function number(text: string): number {
  if (!/^[0-7]{1,11}$/.test(text)) throw invalid('a header in it is damaged')
  return Number.parseInt(text, 8)
}

/** The sum of the header's bytes, its own field counted as spaces. */
function checksum(header: Buffer): number {
  const [start, end] = spanOf('checksum')
  return header.reduce((sum, byte, at) => sum + (at >= start && at < end ? 0x20 : byte), 0)
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

/** Takes a stream apart into as many bytes as are asked for. */
function createReader(source: AsyncIterable<Uint8Array>) {
  const chunks = source[Symbol.asyncIterator]()
  let held: Uint8Array = Buffer.alloc(0)
  return { take, some, rest }

  /** At least one byte, and no more than `most`. */
  async function some(most: number): Promise<Uint8Array> {
    while (held.length === 0) {
      const { done, value } = await chunks.next()
      if (done) throw invalid('it ends early')
      held = value
    }
    const taken = held.subarray(0, most)
    held = held.subarray(taken.length)
    return taken
  }

  async function take(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for (let left = count; left > 0; ) {
      const part = await some(left)
      left -= part.length
      parts.push(part)
    }
    return Buffer.concat(parts)
  }

  async function* rest(): AsyncGenerator<Uint8Array> {
    yield held
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value
  }
}

function invalid(what: string): StintError {
  return new StintError('backup_invalid', `the backup is not one that Stint wrote: ${what}`)
}
