import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Disk } from './disk.ts'
import type { Edge } from './edge.ts'
import { createJournal, type Journal, joinBatch, journalGeneration } from './journal.ts'

/** The journal of a log, and its successors. */
export interface Journals {
  /** The one to append to; undefined when a new one must come first. */
  current(): Journal | undefined
  /** A new one with all that no full bundle holds; older ones are then in the way and go. Rejects when the disk does. */
  replace(): Promise<void>
  close(): Promise<void>
}

interface JournalsOptions {
  readonly disk: Disk
  readonly directory: string
  readonly edge: Edge
  /** The highest that is there. */
  readonly generation: number
  onFailure(error: unknown): void
}

/** A journal longer than this is replaced once most of it is published. */
const JOURNAL_BYTES = 16 << 20

/** Journals in `directory`; the first is made by `replace`. */
export function createJournals({ disk, directory, edge, onFailure, ...from }: JournalsOptions): Journals {
  let generation = from.generation
  let journal: Journal | undefined
  return { current, replace, close: async () => journal?.close() }

  function current(): Journal | undefined {
    if (journal === undefined) return undefined
    const isOutgrown = journal.size() > JOURNAL_BYTES && edge.bytes() < journal.size() / 4
    return isOutgrown ? undefined : journal
  }

  async function replace(): Promise<void> {
    const old = journal
    journal = undefined
    await old?.close().catch(onFailure)
    generation++
    const first = edge.first()
    journal = await createJournal(disk, directory, generation, joinBatch(first, edge.size() - first, edge.carry()))
    await removeOlder()
  }

  async function removeOlder(): Promise<void> {
    for (const name of readdirSync(directory)) {
      const other = journalGeneration(name.replace(/\.tmp$/, ''))
      if (other !== undefined && other < generation) await disk.remove(join(directory, name)).catch(onFailure)
    }
  }
}
