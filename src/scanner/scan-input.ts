import { PART_BYTES } from './batch.ts'
import type { InputWork } from './job.ts'
import type { PathSink } from './path-sink.ts'

/** Reads a stream to its end, whatever the sizes of its chunks, in parts: what kind of content it is shows in its beginning. No more than one part is held. */
export async function scanInput({ path }: InputWork, chunks: AsyncIterable<Buffer>, sink: PathSink): Promise<void> {
  const content = sink.open(path)
  const part = Buffer.allocUnsafe(PART_BYTES)
  let length = 0
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (length === part.length) {
        sink.found(path, content.feed(part))
        length = 0
      }
      const taken = chunk.copy(part, length, at)
      length += taken
      at += taken
    }
    sink.read(0, chunk.length)
  }
  sink.found(path, content.end(part.subarray(0, length)))
  sink.read(1, 0)
}
