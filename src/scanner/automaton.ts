/** Where keywords stand in bytes, in no order: `count` keyword numbers, and the offsets after their last bytes. */
export interface Hits {
  keywords: Int32Array
  ends: Int32Array
  count: number
}

/** Finds all keywords in `bytes[from … to)` in one pass, in whatever case. The hits hold until the next call. */
export type FindKeywords = (bytes: Uint8Array, from: number, to: number) => Hits

/** Below this one lane is as fast as two. */
const SHORT_BYTES = 1024
const MAX_STATES = 65_535

/**
 * An Aho-Corasick automaton (Communications of the ACM 18(6), 1975) with every transition in one table. `keywords` are lower-case ASCII.
 * Long input is read in two lanes, since each step waits for the memory read of the one before it, and two such waits pass at once. Throws
 * RangeError for an empty keyword, one that is not lower-case ASCII, and for more of them than a table of 16 bits holds.
 */
export function createAutomaton(keywords: readonly string[]): FindKeywords {
  const { classes, shift, table, firstEnd, endingAt } = compile(keywords)
  const lengths = keywords.map(({ length }) => length)
  const longest = Math.max(1, ...lengths)
  let stops = new Int32Array(3 << 10)
  const hits: Hits = { keywords: new Int32Array(1 << 10), ends: new Int32Array(1 << 10), count: 0 }

  function note(state: number, end: number, startsBefore = end): void {
    for (const keyword of endingAt[state - firstEnd] ?? []) {
      if (end - (lengths[keyword] ?? 0) < startsBefore) add(hits, keyword, end)
    }
  }

  function read(bytes: Uint8Array, from: number, to: number): void {
    let state = 0
    for (let i = from; i < to; i += 1) {
      state = table[(state << shift) | (classes[bytes[i] as number] as number)] as number
      if (state >= firstEnd) note(state, i + 1)
    }
  }

  /** Nothing is called in the loop, which halves its speed: what it stops at is kept, and looked at afterwards. */
  function readInTwo(bytes: Uint8Array, from: number, middle: number, second: number): void {
    const [next, columns, bits, ends, kept] = [table, classes, shift, firstEnd, stops]
    let one = 0
    let two = 0
    let count = 0
    for (let i = from, j = second; i < middle; i += 1, j += 1) {
      one = next[(one << bits) | (columns[bytes[i] as number] as number)] as number
      two = next[(two << bits) | (columns[bytes[j] as number] as number)] as number
      if (one >= ends || two >= ends) {
        kept[count] = i // past the end of `kept` nothing is written
        kept[count + 1] = one
        kept[count + 2] = two
        count += 3
      }
    }
    if (count > kept.length) {
      stops = new Int32Array(count * 2)
      readInTwo(bytes, from, middle, second)
      return
    }
    for (let at = 0; at < count; at += 3) {
      const i = kept[at] as number
      note(kept[at + 1] as number, i + 1)
      note(kept[at + 2] as number, second + i - from + 1)
    }
  }

  /** What neither lane has seen whole. */
  function readBetween(bytes: Uint8Array, middle: number, second: number): void {
    let state = 0
    for (let i = middle - longest + 1; i < second + longest - 1; i += 1) {
      state = table[(state << shift) | (classes[bytes[i] as number] as number)] as number
      if (state >= firstEnd && i >= middle) note(state, i + 1, second)
    }
  }

  return (bytes, from, to) => {
    hits.count = 0
    const half = Math.floor((to - from) / 2)
    if (half < Math.max(SHORT_BYTES, longest)) read(bytes, from, to)
    else {
      readInTwo(bytes, from, from + half, to - half)
      readBetween(bytes, from + half, to - half)
    }
    return hits
  }
}

function add(hits: Hits, keyword: number, end: number): void {
  if (hits.count === hits.ends.length) {
    hits.keywords = twice(hits.keywords)
    hits.ends = twice(hits.ends)
  }
  hits.keywords[hits.count] = keyword
  hits.ends[hits.count] = end
  hits.count += 1
}

function twice(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(numbers.length * 2)
  grown.set(numbers)
  return grown
}

interface Compiled {
  /** The column of each byte; 0 for those that no keyword has. */
  readonly classes: Uint8Array
  /** A row of the table has `1 << shift` columns. */
  readonly shift: number
  readonly table: Uint16Array
  /** The states from here on are those at which keywords end: which, by `state - firstEnd`. */
  readonly firstEnd: number
  readonly endingAt: readonly (readonly number[])[]
}

function compile(keywords: readonly string[]): Compiled {
  for (const keyword of keywords) {
    if (!/^[ -@[-~]+$/.test(keyword)) throw new RangeError(`not a keyword: ${JSON.stringify(keyword)}`)
  }
  const { classes, count } = classify(keywords)
  const trie = growTrie(keywords, classes)
  if (trie.next.length > MAX_STATES) throw new RangeError('too many keywords')
  const shift = 32 - Math.clz32(count)
  return { classes, shift, ...layOut(trie, goEverywhere(trie, 1 << shift), shift) }
}

function classify(keywords: readonly string[]): { readonly classes: Uint8Array; readonly count: number } {
  const classes = new Uint8Array(256)
  let count = 0
  for (const letter of new Set(keywords.join(''))) {
    count += 1
    classes[letter.charCodeAt(0)] = count
    classes[letter.toUpperCase().charCodeAt(0)] = count
  }
  return { classes, count }
}

/** `next[state]` by class, and the keywords that end at each state. State 0 is the root. */
interface Trie {
  readonly next: readonly Map<number, number>[]
  readonly ends: readonly (readonly number[])[]
}

function growTrie(keywords: readonly string[], classes: Uint8Array): Trie {
  const next: Map<number, number>[] = [new Map()]
  const ends: number[][] = [[]]
  for (const [number, keyword] of keywords.entries()) {
    let state = 0
    for (const byte of Buffer.from(keyword)) {
      const column = classes[byte] as number
      let child = next[state]?.get(column)
      if (child === undefined) {
        child = next.push(new Map()) - 1
        ends.push([])
        next[state]?.set(column, child)
      }
      state = child
    }
    ends[state]?.push(number)
  }
  return { next, ends }
}

/** Every state's way by every class, and all that ends at it: where the trie has none, that of its longest suffix in the trie. */
function goEverywhere(
  { next, ends }: Trie,
  width: number,
): { readonly go: Int32Array; readonly endingAt: (readonly number[])[] } {
  const go = new Int32Array(next.length * width)
  const suffix = new Int32Array(next.length)
  const endingAt = [...ends]
  const queue = [0]
  for (let at = 0; at < queue.length; at += 1) {
    const state = queue[at] as number
    const fallback = (suffix[state] as number) * width
    for (let column = 0; column < width; column += 1) {
      const child = next[state]?.get(column)
      const other = state === 0 ? 0 : (go[fallback + column] as number)
      go[state * width + column] = child ?? other
      if (child === undefined) continue
      suffix[child] = other
      endingAt[child] = [...(ends[child] ?? []), ...(endingAt[other] ?? [])]
      queue.push(child)
    }
  }
  return { go, endingAt }
}

/** Numbers the states anew, those at which something ends last. */
function layOut(
  { next }: Trie,
  { go, endingAt }: ReturnType<typeof goEverywhere>,
  shift: number,
): Pick<Compiled, 'table' | 'firstEnd' | 'endingAt'> {
  const isEnd = (state: number): boolean => (endingAt[state]?.length ?? 0) > 0
  const states = [...next.keys()]
  const order = [...states.filter((state) => !isEnd(state)), ...states.filter(isEnd)]
  const numbers = new Int32Array(order.length)
  for (const [number, state] of order.entries()) numbers[state] = number
  const width = 1 << shift
  const table = new Uint16Array(order.length * width)
  for (const [number, state] of order.entries()) {
    for (let column = 0; column < width; column += 1) {
      table[number * width + column] = numbers[go[state * width + column] as number] as number
    }
  }
  const firstEnd = order.findIndex(isEnd)
  if (firstEnd < 0) return { table, firstEnd: order.length, endingAt: [] }
  return { table, firstEnd, endingAt: order.slice(firstEnd).map((state) => endingAt[state] ?? []) }
}
