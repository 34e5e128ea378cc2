import type { ChildProcess } from 'node:child_process'
import { createBatchReader, type ObjectHead } from './batch.ts'
import type { Content, Located } from './content.ts'
import { endOf, GitError, spawnGit } from './git-command.ts'
import type { GitWork } from './job.ts'

/** Objects that are asked for at once; twice as many are on their way, so that git never waits. */
export const SLICE = 4096

/** What becomes of the objects. */
export interface ObjectSink {
  open(id: string): Content
  found(head: ObjectHead, located: readonly Located[]): void
  /** It cannot be read, whole or at all. */
  unread(id: string, why: string): void
  read(items: number, bytes: number): void
}

/**
 * Reads the blobs, commits and tags of a repository through one `git cat-file --batch`, taking slices as long as there are any. Where git ends
 * at a broken object that one is skipped and another git goes on behind it. Rejects with GitError when git cannot be started.
 */
export async function scanObjects(work: GitWork, sink: ObjectSink): Promise<void> {
  const queue = createQueue(work)
  for (;;) {
    const { code, message } = await readSome(work, queue, sink)
    if (queue.isDone()) return
    if (code === 127) throw new GitError(`git cannot be started: ${message}`)
    sink.unread(queue.skip(), message)
  }
}

async function readSome(work: GitWork, queue: Queue, sink: ObjectSink): Promise<{ code: number; message: string }> {
  const child = spawnGit(work.repository, ['cat-file', '--batch', '--buffer'], ['pipe', 'pipe', 'pipe'])
  const ended = endOf(child)
  child.stdin?.on('error', () => undefined) // it ended: its status says why
  let content: Content | undefined
  const reader = createBatchReader({
    object(head, bytes) {
      if (head.type !== 'tree') sink.found(head, sink.open(head.id).end(bytes))
      answered(head.bytes)
    },
    part(head, bytes, isLast) {
      content ??= sink.open(head.id)
      sink.found(head, isLast ? content.end(bytes) : content.feed(bytes))
      if (!isLast) return sink.read(0, bytes.length)
      content = undefined
      answered(bytes.length)
    },
    missing(id) {
      sink.unread(id, 'it is missing')
      answered(0)
    },
  })
  const answered = (bytes: number): void => {
    sink.read(1, bytes)
    if (queue.answer()) ask(child, queue)
  }
  ask(child, queue)
  ask(child, queue)
  for await (const chunk of child.stdout ?? []) reader.read(chunk as Buffer)
  return ended
}

/** Hands git the next slice, or the end. */
function ask(child: ChildProcess, queue: Queue): void {
  const ids = queue.ask()
  if (ids === undefined) child.stdin?.end()
  else child.stdin?.write(ids)
}

type Queue = ReturnType<typeof createQueue>

/** The ids that are asked for, and how many of them were answered: in order, as git answers them. */
function createQueue({ ids, width, next }: GitWork) {
  const counter = new Int32Array(next)
  const bytes = Buffer.from(ids)
  const total = bytes.length / width
  /** Ranges that were taken; the first is being answered. */
  const taken: { from: number; readonly to: number }[] = []
  let asked = 0
  const spell = ({ from, to }: { from: number; to: number }): string => {
    let text = ''
    for (let i = from; i < to; i += 1) text += `${bytes.toString('hex', i * width, (i + 1) * width)}\n`
    return text
  }
  const settle = (): boolean => {
    const [first] = taken
    if (first === undefined) return false
    first.from += 1
    if (first.from < first.to) return false
    taken.shift()
    asked -= 1
    return true
  }
  return {
    /** The ids of another slice as lines; undefined when there is none. What a git before left unanswered comes first. */
    ask(): string | undefined {
      const waiting = taken[asked]
      if (waiting !== undefined) {
        asked += 1
        return spell(waiting)
      }
      const from = Atomics.add(counter, 0, 1) * SLICE
      if (from >= total) return undefined
      const range = { from, to: Math.min(total, from + SLICE) }
      taken.push(range)
      asked += 1
      return spell(range)
    },
    /** One more was answered. True when it was the last of a slice. */
    answer: settle,
    /** Passes over the one that broke git; what was asked for has to be asked again. */
    skip(): string {
      const at = taken[0]?.from ?? 0
      settle()
      asked = 0
      return bytes.toString('hex', at * width, (at + 1) * width)
    },
    isDone: () => taken.length === 0 && Atomics.load(counter, 0) * SLICE >= total,
  }
}
