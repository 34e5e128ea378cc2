import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Reply } from './reply.ts'

/** A reply on one HTTP/2 stream (RFC 9113, section 8.1). */
export function createHttp2Reply(stream: ServerHttp2Stream): Reply {
  let trailers: readonly string[] = []
  let ended = false
  return {
    takesTrailers: true,
    get started() {
      return stream.headersSent
    },
    get open() {
      return !stream.destroyed && !stream.closed
    },
    sendContinue() {
      if (!stream.destroyed) stream.additionalHeaders({ ':status': 100 })
    },
    start(status, _reason, headers) {
      if (stream.destroyed) return
      stream.respond({ ...fieldsOf(headers), ':status': status }, { waitForTrailers: true })
      stream.once('wantTrailers', () => stream.sendTrailers(fieldsOf(trailers)))
    },
    sendHead() {}, // `respond` has sent it
    write(chunk) {
      return stream.destroyed || stream.write(chunk)
    },
    end(given, last) {
      trailers = given
      ended = true
      if (!stream.destroyed) stream.end(last)
    },
    reset() {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    },
    whenDrained(resume) {
      stream.once('drain', resume)
    },
    whenClosed(closed) {
      stream.once('close', () => closed(ended && stream.rstCode === constants.NGHTTP2_NO_ERROR))
    },
  }
}

function fieldsOf(flat: readonly string[]): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const [name = '', value = ''] = flat.slice(i, i + 2)
    const before = fields[name]
    if (before === undefined) fields[name] = value
    else fields[name] = [...(Array.isArray(before) ? before : [before]), value]
  }
  return fields
}
