import type { AnswerReader } from '../connector.ts'

/** Longest answer that is looked into: a report of some hundred refs and what hooks say, or one object of an API. */
const MAX_ANSWER = 262_144

/** Lets an answer pass as it is, and gives it whole to `hear` when it has ended, if it is not too long. */
export function createTap(hear: (answer: Buffer) => void): AnswerReader {
  const chunks: Buffer[] = []
  let size = 0
  return {
    push(chunk) {
      size += chunk.length
      if (size <= MAX_ANSWER) chunks.push(Buffer.from(chunk))
      return chunk
    },
    end() {
      if (size <= MAX_ANSWER) hear(Buffer.concat(chunks))
      return Buffer.alloc(0)
    },
  }
}
