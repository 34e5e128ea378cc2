/** The longest sleep: after a suspended machine wakes, deadlines that passed are noticed within this. */
const LONGEST_SLEEP_MS = 15_000

/** Wakes at the earliest of many deadlines, with one timer; 10,000 cost a few comparisons each. */
export interface Deadlines {
  /** Sets or moves the deadline of `id`, in epoch milliseconds. */
  set(id: string, at: number): void
  delete(id: string): void
  /** Reports what is due now, without waiting for the timer. */
  sweep(): void
  close(): void
}

interface Entry {
  readonly id: string
  readonly at: number
}

/** `onDue` gets every id whose deadline passed, in one call; each is then forgotten. */
export function createDeadlines(now: () => number, onDue: (ids: readonly string[]) => void): Deadlines {
  const due = new Map<string, number>()
  let heap: Entry[] = []
  let timer: { readonly at: number; readonly handle: NodeJS.Timeout } | undefined

  return {
    set(id, at) {
      due.set(id, at)
      push(heap, { id, at })
      if (heap.length > 2 * due.size + 64) compact()
      arm()
    },
    delete(id) {
      due.delete(id)
    },
    sweep,
    close() {
      due.clear()
      heap = []
      disarm()
    },
  }

  function sweep(): void {
    const ids: string[] = []
    const time = now()
    for (let first = heap[0]; first !== undefined && first.at <= time; first = heap[0]) {
      pop(heap)
      if (due.get(first.id) !== first.at) continue
      due.delete(first.id)
      ids.push(first.id)
    }
    if (ids.length > 0) onDue(ids)
    arm()
  }

  function arm(): void {
    const at = heap[0]?.at
    if (at === undefined || (timer !== undefined && timer.at <= at)) return
    disarm()
    const sleep = Math.min(Math.max(at - now(), 0), LONGEST_SLEEP_MS)
    const handle = setTimeout(() => {
      timer = undefined
      sweep()
    }, sleep)
    handle.unref()
    timer = { at, handle }
  }

  function disarm(): void {
    clearTimeout(timer?.handle)
    timer = undefined
  }

  function compact(): void {
    heap = []
    for (const [id, at] of due) push(heap, { id, at })
  }
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.push(entry) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent]
    if (above === undefined || above.at <= entry.at) break
    heap[at] = above
    at = parent
  }
  heap[at] = entry
}

function pop(heap: Entry[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    const child = smallerChild(heap, at)
    const below = heap[child]
    if (below === undefined || below.at >= last.at) break
    heap[at] = below
    at = child
  }
  heap[at] = last
}

function smallerChild(heap: readonly Entry[], at: number): number {
  const left = heap[2 * at + 1]
  const right = heap[2 * at + 2]
  return left !== undefined && right !== undefined && right.at < left.at ? 2 * at + 2 : 2 * at + 1
}
