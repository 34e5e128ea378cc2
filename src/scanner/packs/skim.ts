import { closeSync, openSync, readSync } from 'node:fs'
import { inflateSync } from 'node:zlib'
import type { Glance, Seen } from '../detector.ts'
import { type Buffers, createBuffers } from './buffers.ts'
import { applyDelta, type Changes, resultSize } from './delta.ts'
import { type Layout, readHead, VERDICT } from './layout.ts'
import { PackError } from './pack-error.ts'

/** What is in packs is taken one root after the other, as long as there are any. */
export interface PackWork {
  readonly kind: 'pack'
  /** The pack file. */
  readonly path: string
  readonly layout: Layout
  /** One Int32: the first slice of roots that nobody has taken. Shared. */
  readonly next: SharedArrayBuffer
}

/** How a content is looked at. */
export interface Look {
  /** True where a content has to be opened in a way of its own: an archive, UTF-16. */
  isPacked(content: Buffer): boolean
  readonly glance: Glance
  /** How far around a change what is found there can extend, but for rules that reach farther. */
  readonly around: number
  read(items: number, bytes: number): void
}

const SLICE = 32
/** Larger objects, and what is a delta to them, are left to git. */
const MOST_BYTES = 4 << 20
/** As is what hangs on more than these. */
const MOST_TAKEN = 24 << 20

/**
 * Finds out of which objects of a pack it is certain that nothing is in them, without making git write them out. Of a delta only what it changes is looked
 * at, where nothing was found in its base. Whatever is broken, large or odd stays open.
 */
export function skimPack({ path, layout, next }: PackWork, look: Look): void {
  const pack = openSync(path, 'r')
  const skim = createSkim(pack, layout, look)
  const counter = new Int32Array(next)
  try {
    for (;;) {
      const from = Atomics.add(counter, 0, 1) * SLICE
      if (from >= layout.roots.length) return
      for (const root of layout.roots.subarray(from, from + SLICE)) skim(root)
    }
  } finally {
    closeSync(pack)
  }
}

/** An object whose deltas are still to be made. */
interface Base {
  readonly content: Buffer
  readonly seen: Seen
  left: number
}

interface Waiting {
  readonly entry: number
  readonly base: Base | undefined
}

function createSkim(pack: number, layout: Layout, look: Look): (root: number) => void {
  const buffers = createBuffers()
  const changes: Changes = { ranges: new Int32Array(256), count: 0 }
  const inflate = createInflater(pack, layout)

  /** The content of an entry; `changes` are those against its base. */
  function make(entry: number, base: Base | undefined): Buffer {
    const inflated = inflate(entry)
    if (base === undefined) return hold(buffers, inflated)
    const size = resultSize(inflated, base.content.length)
    if (size > MOST_BYTES) throw new PackError('an object is too large')
    const content = buffers.take(size)
    try {
      applyDelta(base.content, inflated, content, look.around, changes)
    } catch (thrown) {
      buffers.give(content)
      throw thrown
    }
    return content
  }

  function see(content: Buffer, base: Base | undefined): Seen {
    if (look.isPacked(content)) return 'found'
    if (base?.seen === 'nothing' && glanceAtChanges(content, changes, look.glance) === 'nothing') return 'nothing'
    return look.glance(content, 0, content.length)
  }

  function visit({ entry, base }: Waiting, waiting: Waiting[]): void {
    const content = make(entry, base)
    const seen = see(content, base)
    if (seen !== 'found') {
      layout.verdicts[entry] = VERDICT.nothing
      look.read(1, content.length)
    }
    const children = buffers.taken > MOST_TAKEN ? [] : childrenOf(layout, entry)
    if (children.length === 0) buffers.give(content)
    else {
      const made = { content, seen, left: children.length }
      for (const child of children) waiting.push({ entry: child, base: made })
    }
  }

  return (root) => {
    const waiting: Waiting[] = [{ entry: root, base: undefined }]
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      try {
        visit(one, waiting)
      } catch (thrown) {
        if (!isBroken(thrown)) throw thrown // it stays open, and git says what is wrong with it
      }
      if (one.base === undefined) continue
      one.base.left -= 1
      if (one.base.left === 0) buffers.give(one.base.content)
    }
  }
}

/** What is seen at the changes; a rule that reaches beyond them has to be tried on all of the content. */
function glanceAtChanges(content: Buffer, { ranges, count }: Changes, glance: Glance): Seen {
  for (let i = 0; i < count; i += 1) {
    const seen = glance(content, ranges[i * 2] as number, ranges[i * 2 + 1] as number)
    if (seen !== 'nothing') return seen
  }
  return 'nothing'
}

/** Those with deltas of their own first, so that they are visited last, when what they hang on is not needed any more. */
function childrenOf({ firstChild, nextChild }: Layout, entry: number): readonly number[] {
  const children: number[] = []
  for (let child = firstChild[entry] as number; child >= 0; child = nextChild[child] as number) children.push(child)
  if (children.length < 2) return children
  return children.sort((one, other) => Number(firstChild[one] === -1) - Number(firstChild[other] === -1))
}

function hold(buffers: Buffers, bytes: Buffer): Buffer {
  const held = buffers.take(bytes.length)
  bytes.copy(held)
  return held
}

/** Inflates entries. Throws PackError, and what zlib throws, for what is broken or large. */
function createInflater(pack: number, { offsets }: Layout): (entry: number) => Buffer {
  let packed = Buffer.allocUnsafe(1 << 16)
  return (entry) => {
    const [from, to] = [offsets[entry] as number, offsets[entry + 1] as number]
    if (to - from > MOST_BYTES) throw new PackError('an object is too large')
    if (to - from > packed.length) packed = Buffer.allocUnsafe((to - from) * 2)
    const length = readSync(pack, packed, 0, to - from, from)
    const head = readHead(packed.subarray(0, length), 0)
    if (head.size > MOST_BYTES) throw new PackError('an object is too large')
    const options = { maxOutputLength: head.size + 1, chunkSize: Math.max(64, head.size + 1) }
    const bytes = inflateSync(packed.subarray(head.length, length), options)
    if (bytes.length !== head.size) throw new PackError('an object is not as large as it says')
    return bytes
  }
}

/** What a pack can bring about; everything else is a fault of ours. */
function isBroken(thrown: unknown): boolean {
  return (
    thrown instanceof PackError ||
    (thrown instanceof Error && 'code' in thrown && String(thrown.code).match(/^(Z_|ERR_)/) !== null)
  )
}
