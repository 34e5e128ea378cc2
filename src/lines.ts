/** Takes chunks of bytes, whatever they hold, and hands on each line without its end. */
export interface LineReader {
  push(chunk: Buffer): void
}

const NEWLINE = 0x0a

/**
 * Splits a stream into lines (MCP, "stdio": messages are delimited by newlines; UTF-8). A line of more than `maxBytes` is not handed on:
 * `onTooLong` is called once, and nothing after it is read.
 */
export function createLineReader(maxBytes: number, onLine: (line: string) => void, onTooLong: () => void): LineReader {
  let parts: Buffer[] = []
  let size = 0
  let isOver = false
  return {
    push(chunk) {
      let from = 0
      while (!isOver && from < chunk.length) {
        const end = chunk.indexOf(NEWLINE, from)
        take(chunk.subarray(from, end === -1 ? chunk.length : end))
        if (end === -1 || isOver) return
        from = end + 1
        endLine()
      }
    },
  }

  function take(bytes: Buffer): void {
    size += bytes.length
    if (size > maxBytes) {
      isOver = true
      parts = []
      onTooLong()
    } else if (bytes.length > 0) parts.push(bytes)
  }

  function endLine(): void {
    const line = Buffer.concat(parts).toString('utf8')
    parts = []
    size = 0
    onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
  }
}
