import { StintError } from '../../errors.ts'

/** One answer of a Redis server (RESP2, redis.io "Redis serialization protocol specification"). Attacker-controlled. */
export type Reply =
  | { readonly kind: 'simple'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'bulk'; readonly bytes: Buffer }
  | { readonly kind: 'array'; readonly items: readonly Reply[] }
  | { readonly kind: 'null' }

/** What one connection may answer in all. */
const MAX_BYTES = 8 * 1024 * 1024
const MAX_REPLIES = 100_000
const MAX_LINE_BYTES = 4096
const MAX_DEPTH = 8
const LF = 10

/** One command as an array of bulk strings: nothing in an argument can end it. */
export function encodeCommand(args: readonly string[]): Buffer {
  return Buffer.from(`*${args.length}\r\n${args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`).join('')}`)
}

/**
 * Reads replies one by one from what arrives. Throws `upstream_failed` for bytes that are no reply, for more of them than anyone needs,
 * and for an end in the middle.
 */
export function createReplyReader(source: AsyncIterator<Buffer>): () => Promise<Reply> {
  let held: Buffer = Buffer.alloc(0)
  let [total, replies] = [0, 0]
  return () => readReply(0)

  async function readReply(depth: number): Promise<Reply> {
    replies += 1
    if (replies > MAX_REPLIES) throw failed('it answers too much')
    const line = await readLine()
    const [type, rest] = [line.slice(0, 1), line.slice(1)]
    switch (type) {
      case '+':
        return { kind: 'simple', text: rest }
      case '-':
        return { kind: 'error', text: rest }
      case ':':
        return { kind: 'integer', value: readNumber(rest) }
      case '$':
        return readBulk(readNumber(rest))
      case '*':
        return readArray(readNumber(rest), depth)
      default:
        throw failed('it does not speak the Redis protocol')
    }
  }

  async function readBulk(length: number): Promise<Reply> {
    if (length === -1) return { kind: 'null' }
    const bytes = await take(length + 2)
    if (bytes.subarray(length).toString('latin1') !== '\r\n') throw failed('a string has another length than it says')
    return { kind: 'bulk', bytes: bytes.subarray(0, length) }
  }

  async function readArray(length: number, depth: number): Promise<Reply> {
    if (length === -1) return { kind: 'null' }
    if (depth === MAX_DEPTH) throw failed('its answer is nested too deep')
    const items: Reply[] = []
    while (items.length < length) items.push(await readReply(depth + 1))
    return { kind: 'array', items }
  }

  async function readLine(): Promise<string> {
    let end = held.indexOf(LF)
    while (end === -1 && held.length <= MAX_LINE_BYTES) {
      await more(held.length + 1)
      end = held.indexOf(LF)
    }
    if (end === -1 || end > MAX_LINE_BYTES) throw failed('it answers a line that is too long')
    const line = (await take(end + 1)).toString()
    if (!line.endsWith('\r\n')) throw failed('it does not speak the Redis protocol')
    return line.slice(0, -2)
  }

  async function take(length: number): Promise<Buffer> {
    await more(length)
    const bytes = held.subarray(0, length)
    held = held.subarray(length)
    return bytes
  }

  /** Until so many bytes are held; joined once, so that a slow drip costs no more than a flood. */
  async function more(length: number): Promise<void> {
    if (length > MAX_BYTES) throw failed('it answers too much')
    const chunks = [held]
    let size = held.length
    while (size < length) {
      const { value, done } = await source.next()
      if (done === true) throw failed('it closed the connection')
      chunks.push(value)
      size += value.length
      total += value.length
      if (total > MAX_BYTES) throw failed('it answers too much')
    }
    if (chunks.length > 1) held = Buffer.concat(chunks)
  }
}

function readNumber(text: string): number {
  if (!/^(?:-1|0|[1-9][0-9]{0,14})$/.test(text)) throw failed('it does not speak the Redis protocol')
  return Number(text)
}

function failed(why: string): StintError {
  return new StintError('upstream_failed', `Redis: ${why}`)
}
