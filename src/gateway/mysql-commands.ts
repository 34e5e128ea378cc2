import { writePacket } from './mysql-packets.ts'

const CHANGE_USER = 0x11
const QUERY = 3
const FULL_PACKET = 0xffffff
const EMPTY = Buffer.alloc(0)

/**
 * Reads what a client of MySQL sends once it is logged in ("Command Phase") and answers what goes on: COM_CHANGE_USER, which would make the
 * session another's, becomes a statement that no server understands, so that the refusal comes in its order. Attacker-controlled.
 */
export function createMysqlScreen(): (chunk: Buffer) => Buffer {
  let header = EMPTY
  let left = 0
  /** What is sent in more than one packet begins in the first alone. */
  let [isContinued, isDropped, isFirstByte] = [false, false, false]

  return (chunk) => {
    const out: Buffer[] = []
    let at = 0
    while (at < chunk.length) {
      if (left === 0) {
        const piece = chunk.subarray(at, at + 4 - header.length)
        header = Buffer.concat([header, piece])
        at += piece.length
        if (header.length === 4) begin(out)
        continue
      }
      const piece = chunk.subarray(at, at + left)
      at += piece.length
      left -= piece.length
      if (isFirstByte) judge(piece, out)
      if (!isDropped) out.push(piece)
    }
    return out.length === 0 ? EMPTY : Buffer.concat(out)
  }

  function begin(out: Buffer[]): void {
    left = header.readUIntLE(0, 3)
    isFirstByte = !isContinued && left > 0
    if (!isContinued) isDropped = false
    isContinued = left === FULL_PACKET
    if (!isFirstByte && !isDropped) out.push(header)
    if (!isFirstByte) header = EMPTY
  }

  function judge(piece: Buffer, out: Buffer[]): void {
    isFirstByte = false
    isDropped = piece[0] === CHANGE_USER
    out.push(isDropped ? writePacket(0, Buffer.from([QUERY]), Buffer.from('stint refuses COM_CHANGE_USER')) : header)
    header = EMPTY
  }
}
