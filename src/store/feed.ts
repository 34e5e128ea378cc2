import { AsyncLocalStorage } from 'node:async_hooks'
import { type Kysely, sql } from 'kysely'
import { StintError } from '../errors.ts'
import { type Change, FORGOTTEN } from './changes.ts'
import type { Tables } from './tables.ts'
import { createTurns } from './turns.ts'

/** The changes of every process, told to this one’s watchers in the order of their commits. */
export interface Feed {
  /** The number of the last change that every watcher took. */
  readonly followed: number
  /** Whether this is called by a watcher: who then waited for the feed would wait for itself. */
  readonly isTelling: boolean
  /**
   * Tells what was committed before now and is not told yet. Throws `store_unavailable`, or what a watcher threw: nothing from there on
   * counts as told, and the next call tells it again.
   */
  advance(): Promise<void>
}

interface Numbered extends Change {
  readonly seq: number
}

const PAGE = 500

/** Follows the feed from change `followed` on; what came before it the rooms have read by themselves. */
export function createFeed(db: Kysely<Tables>, followed: number, tell: (changes: readonly Change[]) => Promise<void>): Feed {
  const inTurn = createTurns()
  /** Asked for and not begun: whoever asks meanwhile waits for the same. */
  let waiting: Promise<void> | undefined
  const telling = new AsyncLocalStorage<{ isOver: boolean }>()
  return {
    get followed() {
      return followed
    },
    get isTelling() {
      return telling.getStore()?.isOver === false
    },
    advance() {
      waiting ??= inTurn(() => {
        waiting = undefined
        return advance()
      })
      return waiting
    },
  }

  async function advance(): Promise<void> {
    for (;;) {
      const page = await read(db, followed)
      const last = page.at(-1)
      if (last === undefined) return
      await tellInside(page)
      followed = last.seq
    }
  }

  async function tellInside(page: readonly Change[]): Promise<void> {
    const inside = { isOver: false } // what a watcher starts and leaves running is no watcher any more
    try {
      await telling.run(inside, () => tell(page))
    } finally {
      inside.isOver = true
    }
  }
}

/** Numbers are in the order of commits, since each is given to the one writer; a number that is missing was rolled back. */
async function read(db: Kysely<Tables>, after: number): Promise<readonly Numbered[]> {
  const forgotten = db.selectFrom('meta').select('value').where('key', '=', FORGOTTEN)
  const rows = await db
    .selectFrom('changes')
    .select(['seq', 'kind', 'id', sql<string | null>`(${forgotten})`.as('forgotten')])
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(PAGE)
    .execute()
  if (Number(rows[0]?.forgotten ?? 0) <= after) return rows
  throw new StintError('store_unavailable', 'more has changed than is kept since this Stint last heard of it; restart it')
}
