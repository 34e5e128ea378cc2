import type { Duplex } from 'node:stream'
import { StintError } from '../errors.ts'

/** Reads a stream by numbers of bytes, and no further than it must. */
export interface ByteReader {
  /** Throws what `close` gives when the stream ends first. */
  read(bytes: number): Promise<Buffer>
  /** Gives the stream back, paused, with what was not read. */
  release(): void
}

/** A reader of `stream`, which nobody else reads meanwhile. `closed` is what a stream that ended is. */
export function createByteReader(stream: Duplex, closed: () => StintError): ByteReader {
  let [chunks, waitingBytes]: [Buffer[], number] = [[], 0]
  let wake = () => {}
  const onData = (chunk: Buffer) => {
    chunks.push(chunk)
    waitingBytes += chunk.length
    wake()
  }
  const onEnd = () => wake()
  const isOver = () => stream.destroyed || stream.readableEnded
  stream.pause().on('data', onData).on('end', onEnd).on('error', onEnd).on('close', onEnd)
  return {
    async read(bytes) {
      while (waitingBytes < bytes) {
        if (isOver()) throw stream.errored instanceof StintError ? stream.errored : closed()
        await new Promise<void>((woken) => {
          wake = woken
          stream.resume()
        })
        stream.pause()
      }
      const all = Buffer.concat(chunks)
      chunks = [all.subarray(bytes)]
      waitingBytes -= bytes
      return all.subarray(0, bytes)
    },
    release() {
      stream.off('data', onData).off('end', onEnd).off('error', onEnd).off('close', onEnd)
      if (waitingBytes > 0 && !isOver()) stream.unshift(Buffer.concat(chunks))
    },
  }
}
