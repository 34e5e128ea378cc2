/** A command of a client, or a part of one, as far as it was read. */
type Expected = 'count' | 'length' | 'bytes' | 'end'

/** They change who the connection is: RESET makes it the default user, whom nobody gave to this session. */
const REFUSED = ['AUTH', 'RESET']
const MAX_LINE = 16
/** A command that must be read whole to be judged; others are longer than this only behind their name. */
const MAX_HELD_BYTES = 4096
const EMPTY = Buffer.alloc(0)

/**
 * Reads what a client of Redis sends (RESP2, arrays of bulk strings, section "Send commands to a Redis server") and answers what goes on:
 * AUTH, RESET and HELLO with AUTH become a command that no server knows, so that the refusal comes in its order. Attacker-controlled.
 * Anything else than such arrays, inline commands too, could mean something else to the server: `breakOff` is called, and no more goes on.
 */
export function createRedisScreen(breakOff: () => void): (chunk: Buffer) => Buffer {
  let expected: Expected = 'count'
  let isBroken = false
  let [line, argumentsLeft, bytesLeft] = ['', 0, 0]
  /** Of the command that is not judged yet. */
  let [held, heldBytes, words]: [Buffer[], number, string[]] = [[], 0, []]
  let verdict: 'open' | 'pass' | 'refuse' = 'open'
  let out: Buffer[] = []

  return (chunk) => {
    out = []
    let at = 0
    while (at < chunk.length && !isBroken) {
      const end = expected === 'bytes' ? Math.min(at + bytesLeft, chunk.length) : endOfLine(chunk, at)
      const piece = chunk.subarray(at, end)
      at = end
      if (expected === 'bytes') takeBytes(piece)
      else takeLine(piece)
    }
    return isBroken || out.length === 0 ? EMPTY : Buffer.concat(out)
  }

  function takeLine(piece: Buffer): void {
    line += piece.toString('latin1')
    keep(piece)
    if (line.length > MAX_LINE) fail()
    if (!line.endsWith('\n')) return
    const text = line
    line = ''
    if (expected === 'count') begin(readNumber(text, '*', 1))
    else if (expected === 'length') beginArgument(readNumber(text, '$', 0))
    else if (text === '\r\n') endArgument()
    else fail()
  }

  function begin(count: number | undefined): void {
    if (count === undefined) fail()
    argumentsLeft = count ?? 0
    expected = 'length'
  }

  function beginArgument(length: number | undefined): void {
    if (length === undefined) fail()
    bytesLeft = length ?? 0
    if (verdict === 'open') words.push('')
    expected = bytesLeft === 0 ? 'end' : 'bytes'
  }

  function takeBytes(piece: Buffer): void {
    if (verdict === 'open') words.push(`${words.pop()}${piece.toString('latin1')}`)
    keep(piece)
    bytesLeft -= piece.length
    if (bytesLeft === 0) expected = 'end'
  }

  function endArgument(): void {
    argumentsLeft -= 1
    judge()
    expected = argumentsLeft === 0 ? 'count' : 'length'
    if (argumentsLeft > 0) return
    if (verdict === 'refuse') out.push(refusal(words[0] ?? ''))
    verdict = 'open'
    words = []
  }

  /** By its name, but HELLO when it is whole. */
  function judge(): void {
    if (verdict !== 'open') return
    const [name = '', ...rest] = words.map((word) => word.toUpperCase())
    if (name === 'HELLO' && argumentsLeft > 0) return
    const isRefused = REFUSED.includes(name) || (name === 'HELLO' && rest.includes('AUTH'))
    verdict = isRefused ? 'refuse' : 'pass'
    if (!isRefused) out.push(...held)
    words = [name]
    held = []
    heldBytes = 0
  }

  function keep(piece: Buffer): void {
    if (verdict === 'pass') out.push(piece)
    if (verdict !== 'open') return
    held.push(piece)
    heldBytes += piece.length
    if (heldBytes > MAX_HELD_BYTES) fail()
  }

  function fail(): void {
    if (!isBroken) breakOff()
    isBroken = true
  }
}

function endOfLine(chunk: Buffer, at: number): number {
  const found = chunk.indexOf(10, at)
  return found === -1 ? chunk.length : found + 1
}

function readNumber(text: string, sign: string, least: number): number | undefined {
  const digits = /^.(0|[1-9][0-9]{0,9})\r\n$/.exec(text)?.[1]
  return digits === undefined || !text.startsWith(sign) || Number(digits) < least ? undefined : Number(digits)
}

function refusal(name: string): Buffer {
  const text = `stint.refuses.${name}`
  return Buffer.from(`*1\r\n$${text.length}\r\n${text}\r\n`)
}
