import type { Located } from './content.ts'
import type { TextWork } from './job.ts'
import type { PathSink } from './path-sink.ts'

/** Reads texts that are at hand, taking one after the other as long as there are any. */
export function scanTexts({ texts, next }: TextWork, sink: PathSink): void {
  const counter = new Int32Array(next)
  for (let one = texts[Atomics.add(counter, 0, 1)]; one !== undefined; one = texts[Atomics.add(counter, 0, 1)]) {
    const { path, lead, text } = one
    const bytes = Buffer.from(lead + text)
    const located = sink.open(path).end(bytes)
    sink.found(
      path,
      located.flatMap((match) => behind(match, lead)),
    )
    sink.read(1, bytes.length)
  }
}

/** The match as it lies in the text behind its lead; none for one that begins before. */
function behind(match: Located, lead: string): readonly Located[] {
  const offset = match.offset - Buffer.byteLength(lead)
  if (offset < 0) return []
  return [{ ...match, offset, column: match.line === 1 ? match.column - lead.length : match.column }]
}
