/** What `git cat-file --batch` says of one object before its content. */
export interface ObjectHead {
  readonly id: string
  readonly type: string
  readonly bytes: number
}

export interface BatchEvents {
  /** A whole object that is not large: `bytes[from … to)`, which hold until this returns. */
  object(head: ObjectHead, bytes: Buffer): void
  /** A part of a large one. */
  part(head: ObjectHead, bytes: Buffer, isLast: boolean): void
  /** One that is not there, or not readable. */
  missing(id: string): void
}

/** Larger objects are given in parts. */
export const PART_BYTES = 4 << 20

/** Reads the stream of `git cat-file --batch` in chunks of any size. Throws RangeError for a stream that is none. Attacker-controlled but for its heads. */
export function createBatchReader(events: BatchEvents) {
  let held: Buffer = Buffer.allocUnsafe(1 << 20)
  let [start, end] = [0, 0]
  let head: ObjectHead | undefined
  let left = 0

  function keep(chunk: Buffer): void {
    if (end + chunk.length > held.length) {
      const rest = held.subarray(start, end)
      const room = rest.length + chunk.length
      if (room > held.length) {
        const grown = Buffer.allocUnsafe(Math.max(room, held.length * 2))
        rest.copy(grown)
        held = grown
      } else rest.copy(held)
      end -= start
      start = 0
    }
    end += chunk.copy(held, end)
  }

  /** One step; false when more has to come first. */
  function step(): boolean {
    if (head === undefined) return readHead()
    if (head.bytes > PART_BYTES) return readPart(head)
    if (end - start <= left) return false // the content and its newline
    events.object(head, held.subarray(start, start + left))
    start += left + 1
    head = undefined
    return true
  }

  function readHead(): boolean {
    const newline = held.subarray(start, end).indexOf(10)
    if (newline < 0) {
      if (end - start > 256) throw new RangeError('not the output of git cat-file --batch')
      return false
    }
    const line = held.toString('latin1', start, start + newline)
    start += newline + 1
    const [id = '', type = '', size] = line.split(' ')
    if (size === undefined || !/^\d{1,15}$/.test(size)) {
      if (type !== 'missing') throw new RangeError(`not the output of git cat-file --batch: ${line.slice(0, 80)}`)
      events.missing(id)
      return true
    }
    head = { id, type, bytes: Number(size) }
    left = head.bytes
    return true
  }

  function readPart(of: ObjectHead): boolean {
    const isLast = left <= PART_BYTES
    const wanted = isLast ? left + 1 : PART_BYTES
    if (end - start < wanted) return false
    const bytes = isLast ? left : PART_BYTES
    events.part(of, held.subarray(start, start + bytes), isLast)
    start += wanted
    left -= bytes
    if (isLast) head = undefined
    return true
  }

  return {
    read(chunk: Buffer): void {
      keep(chunk)
      while (step());
    },
  }
}
