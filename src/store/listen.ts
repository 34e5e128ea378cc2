import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { StintError } from '../errors.ts'
import { clientConfig, inWords } from './postgres.ts'
import type { Place } from './postgres-url.ts'
import { createTurns } from './turns.ts'

const RETRY_MS = 200

/** One connection that listens, made again whenever it breaks. */
export interface Line {
  /** One statement on that connection. Throws `store_unavailable`; where it does not answer in time the connection is given up. */
  query(sql: string, values: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

/** Who hears what. */
export interface Hearing {
  /** It listens: what is said from now on is heard. */
  onOpen(): void
  onMessage(payload: string): void
  /** It broke, or could not be made; it is tried again. */
  onBroken(why: unknown): void
}

/** Listens on `channel`; `answerMs` is how long a connection or a statement may take. Nothing said here need be durable. */
export function listen(place: Place, channel: string, answerMs: number, hearing: Hearing): Line {
  const inTurn = createTurns()
  const closing = new AbortController()
  let client: pg.Client | undefined
  const kept = keep()
  return {
    query: (sql, values) =>
      inTurn(async () => {
        const asked = client
        if (asked === undefined) throw new StintError('store_unavailable', 'the database cannot be reached')
        try {
          return (await inWords(() => asked.query<Record<string, unknown>>(sql, [...values]))).rows
        } catch (thrown) {
          giveUp(asked)
          throw thrown
        }
      }),
    async close() {
      closing.abort()
      if (client !== undefined) giveUp(client)
      await kept
    },
  }

  async function keep(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await attend()
      } catch (thrown) {
        if (!closing.signal.aborted) hearing.onBroken(thrown)
      }
      await sleep(RETRY_MS, undefined, { signal: closing.signal }).catch(() => undefined)
    }
  }

  /** Resolves or throws when the connection is over. */
  async function attend(): Promise<void> {
    const opening = new pg.Client({ ...clientConfig(place), connectionTimeoutMillis: answerMs, query_timeout: answerMs })
    const over = new Promise<never>((_, failed) => {
      opening.on('error', failed)
      opening.on('end', () => failed(new Error('the connection ended')))
    })
    over.catch(() => undefined) // until it is waited for
    opening.on('notification', ({ payload = '' }) => hearing.onMessage(payload))
    try {
      await inWords(async () => {
        await opening.connect()
        await opening.query('set synchronous_commit = off')
        await opening.query(`listen ${opening.escapeIdentifier(channel)}`)
      })
      client = opening
      hearing.onOpen()
      await inWords(() => over)
    } finally {
      client = undefined
      giveUp(opening)
    }
  }
}

/** Ends it without a word to wait for: nobody may be there to answer. */
function giveUp(client: pg.Client): void {
  client.end().catch(() => undefined) // what it was in the middle of has said why
}
