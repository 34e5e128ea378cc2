import type { Refusal } from '../broker.ts'
import { CATALOGUE, type ErrorCode, StintError } from '../errors.ts'
import type { ByteReader } from './byte-reader.ts'
import { printable } from './refusal.ts'

/** A message of a server (PostgreSQL, "Message Formats"). Attacker-controlled. */
export interface Message {
  readonly type: string
  readonly body: Buffer
}

/** Longest message of a login: an error, a parameter, the data of SASL. */
const MAX_MESSAGE_BYTES = 16 * 1024

/** Throws `upstream_failed` for one that is too long to belong to a login. */
export async function readMessage(reader: ByteReader): Promise<Message> {
  const header = await reader.read(5)
  const length = header.readUInt32BE(1)
  if (length < 4 || length > MAX_MESSAGE_BYTES)
    throw new StintError('upstream_failed', 'PostgreSQL answered with what is not its protocol')
  return { type: header.toString('latin1', 0, 1), body: await reader.read(length - 4) }
}

export function writeMessage(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body])
}

/** "StartupMessage" of version 3.0. */
export function writeStartup(settings: ReadonlyMap<string, string>): Buffer {
  const texts = [...settings].flatMap(([name, value]) => [cstring(name), cstring(value)])
  const body = Buffer.concat([int32(3 << 16), ...texts, Buffer.from([0])])
  return Buffer.concat([int32(body.length + 4), body])
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** What it must not hold, it loses: a zero byte would end it early. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text.replaceAll('\0', '')}\0`)
}

/** Fields of an "ErrorResponse" by their letter; whatever is not one is empty. */
export function readError({ body }: Message): Readonly<Record<'sqlState' | 'words', string>> {
  const fields = body.toString('utf8').split('\0')
  const field = (letter: string): string => fields.find((text) => text.startsWith(letter))?.slice(1) ?? ''
  return { sqlState: /^[0-9A-Z]{5}$/.exec(field('C'))?.[0] ?? '', words: printable(field('M'), 300) }
}

/** SQLSTATE (PostgreSQL, appendix A); for the others 28000, the login is refused, or 08006, the connection failed. */
const SQL_STATES: Partial<Record<ErrorCode, string>> = { stopping: '57P03', malformed_request: '08P01', internal: 'XX000' }

/** A refusal as a server says that it ends a session: what libpq shows people. */
export function writeRefusalMessage({ code, detail, reasons, correlationId }: Refusal): Buffer {
  const [status, title, next] = CATALOGUE[code]
  const sqlState = SQL_STATES[code] ?? (status < 500 ? '28000' : '08006')
  const more = [...reasons.filter((reason) => reason !== detail).slice(0, 10), `Correlation id: ${correlationId}`].join('\n')
  const fields = { S: 'FATAL', V: 'FATAL', C: sqlState, M: `stint: ${title} (${code}): ${detail}`, D: more, H: next }
  const texts = Object.entries(fields).map(([letter, text]) => cstring(letter + printableLines(text)))
  return writeMessage('E', ...texts, Buffer.from([0]))
}

function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line, 600))
    .join('\n')
}
