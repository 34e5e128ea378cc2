import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { StintError } from '../../errors.ts'

/** Longest message that answers what Stint asks: a row of the catalogue, an error. */
const MAX_MESSAGE_BYTES = 64 * 1024
/** All of one answer: a list of roles. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
const HEADER_BYTES = 5
const [AUTHENTICATION, ERROR, NOTICE] = [0x52, 0x45, 0x4e]
const CLEARTEXT_PASSWORD = 3

/** A connection as `pg` takes one, made already. */
export interface CheckedStream {
  readonly stream: Duplex
  /** A new question: its answer may be as long as any. */
  reset(): void
}

/**
 * Shows `pg` whole messages of bounded size and nothing that it would run into: it reads an error without its end for ever, and throws at
 * a message that is too short where nobody catches. A password that `isClear` is never sent as it is. What is refused destroys the
 * connection with `upstream_failed`. PostgreSQL, "Message Formats".
 */
export function checkAnswers(connection: Duplex, isClear: boolean): CheckedStream {
  const shown = new EventEmitter()
  let [waiting, waitingBytes, answerBytes]: [Buffer[], number, number] = [[], 0, 0]
  connection.on('data', (chunk: Buffer) => {
    try {
      take(chunk)
    } catch (cause) {
      connection.destroy(new StintError('upstream_failed', 'PostgreSQL answered with what is not its protocol', { cause }))
    }
  })
  connection.on('error', (thrown) => shown.emit('error', thrown))
  for (const event of ['end', 'close']) connection.on(event, () => shown.emit(event))
  return { stream: asStream(shown, connection), reset }

  function reset(): void {
    answerBytes = 0
  }

  function take(chunk: Buffer): void {
    answerBytes += chunk.length
    if (answerBytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long')
    waiting.push(chunk)
    waitingBytes += chunk.length
    for (let length = nextLength(); length <= waitingBytes && !connection.destroyed; length = nextLength()) {
      const all = waiting.length === 1 && waiting[0] !== undefined ? waiting[0] : Buffer.concat(waiting)
      waiting = [all.subarray(length)]
      waitingBytes -= length
      shown.emit('data', check(all.subarray(0, length), isClear))
    }
  }

  /** Of the message that comes next; infinite while its header is not there. */
  function nextLength(): number {
    if (waitingBytes < HEADER_BYTES) return Number.POSITIVE_INFINITY
    if ((waiting[0]?.length ?? 0) < HEADER_BYTES) waiting = [Buffer.concat(waiting)]
    const length = waiting[0]?.readUInt32BE(1) ?? 0
    if (length < 4 || length > MAX_MESSAGE_BYTES) throw new Error(`a message of ${length} bytes`)
    return 1 + length
  }
}

function check(message: Buffer, isClear: boolean): Buffer {
  const [type] = message
  if ((type === ERROR || type === NOTICE) && !hasWholeFields(message)) throw new Error('an error without its end')
  if (type === AUTHENTICATION && isClear && message.readInt32BE(HEADER_BYTES) === CLEARTEXT_PASSWORD)
    throw new Error('it asks for the password in the clear, without TLS')
  return message
}

/** Fields are a byte and a text that ends with a zero byte; a zero byte in place of a field is the end ("ErrorResponse"). */
function hasWholeFields(message: Buffer): boolean {
  let at = HEADER_BYTES
  while (at < message.length - 1 && message[at] !== 0) {
    const end = message.indexOf(0, at + 1)
    if (end < 0) return false
    at = end + 1
  }
  return at === message.length - 1 && message[at] === 0
}

/** What `pg` asks of a socket, over one that is connected. */
function asStream(shown: EventEmitter, connection: Duplex): Duplex {
  const lent = {
    setNoDelay() {},
    connect: () => void queueMicrotask(() => shown.emit('connect')),
    write: connection.write.bind(connection),
    end: () => void connection.end(),
    destroy: () => void connection.destroy(),
    get writable() {
      return connection.writable
    },
  }
  return Object.defineProperties(shown, Object.getOwnPropertyDescriptors(lent)) as unknown as Duplex
}
