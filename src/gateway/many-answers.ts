import type { ManyAnswer, ManyPart, ManyServers } from '../credentials/many-servers.ts'
import type { Sink } from './inner-arrival.ts'
import type { Reply } from './reply.ts'

/** Bytes of one server's answer to what several were asked. */
const MAX_ANSWER = 16 * 1024 * 1024
/** Fields that one server says of its own body, session or connection. */
const ITS_OWN = new Set(['content-length', 'mcp-session-id', 'connection', 'trailer', 'set-cookie'])

/** One server's answer, whole, and the session it gave. */
export type Collected = ManyAnswer & { readonly session?: string }

/** Gathers one answer. `done` hears it once, also when it breaks off. */
export function collect({ target }: ManyPart, done: (answer: Collected) => void): Sink & { fail(code: string): void } {
  const chunks: Buffer[] = []
  let [status, type, size] = [0, '', 0]
  let session: string | undefined
  const fail = (failure: string): void => done({ target, status, type, body: Buffer.alloc(0), failure })
  return {
    fail,
    start(given, headers) {
      status = given
      type = fieldIn(headers, 'content-type') ?? ''
      session = fieldIn(headers, 'mcp-session-id')
    },
    write(chunk) {
      size += chunk.length
      if (size <= MAX_ANSWER) chunks.push(Buffer.from(chunk))
      else fail('too_large')
      return true
    },
    end(last) {
      if (last !== undefined) chunks.push(Buffer.from(last))
      done({ target, status, type, body: Buffer.concat(chunks), ...(session !== undefined && { session }) })
    },
    reset: () => fail('upstream_failed'),
    whenDrained: (resume) => resume(),
  }
}

/** Passes one server's answer on as it comes, in the address's own words. */
export function passOn({ target }: ManyPart, reply: Reply, many: ManyServers): Sink {
  let reader: ReturnType<ManyServers['readBack']>
  return {
    start(status, headers) {
      reader = many.readBack(target, fieldIn(headers, 'content-type') ?? '')
      reply.start(status, '', fieldsBack(headers))
    },
    write(chunk) {
      const bytes = reader === undefined ? chunk : reader.push(Buffer.from(chunk))
      return bytes.length === 0 || reply.write(bytes)
    },
    end(last) {
      const parts = [last && reader ? reader.push(Buffer.from(last)) : last, reader?.end()]
      reply.end([], Buffer.concat(parts.filter((one) => one !== undefined)))
    },
    reset: () => reply.reset(),
    whenDrained: (resume) => reply.whenDrained(resume),
  }
}

function fieldsBack(headers: readonly string[]): string[] {
  const out: string[] = []
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = headers.slice(i, i + 2)
    if (!ITS_OWN.has(name.toLowerCase())) out.push(name, value)
  }
  return out
}

function fieldIn(headers: readonly string[], wanted: string): string | undefined {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === wanted)
  return at === -1 ? undefined : headers[at + 1]
}

/**
 * The event streams of several servers as one: it starts with the first, ends with the last, and one that breaks off takes no other with
 * it. `refuse` is called where none of them is a stream. Events are whole where a reader wrote them.
 */
export function joinStreams(count: number, reply: Reply, many: ManyServers, refuse: () => void): (part: ManyPart) => Sink {
  let [left, started] = [count, false]
  const leave = (): void => {
    left -= 1
    if (left > 0 || !reply.open) return
    if (started) reply.end([])
    else refuse()
  }
  return ({ target }) => {
    let reader: ReturnType<ManyServers['readBack']>
    return {
      start(status, headers) {
        if (status !== 200) return
        reader = many.readBack(target, 'text/event-stream')
        if (started) return
        started = true
        reply.start(200, 'OK', fieldsBack(headers))
      },
      write(chunk) {
        const bytes = reader?.push(Buffer.from(chunk)) ?? Buffer.alloc(0)
        return bytes.length === 0 || reply.write(bytes)
      },
      end: leave,
      reset: leave,
      whenDrained: (resume) => reply.whenDrained(resume),
    }
  }
}
