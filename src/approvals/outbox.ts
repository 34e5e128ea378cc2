import type { Store } from '../store/store.ts'
import type { DeliveryRow } from '../store/tables.ts'
import { type Approval, approvalOf } from './approval.ts'

/** A question, and the delivery that takes it to one webhook. `binding` is what a consent to it covers: approvals/binding.ts. */
export interface Delivery {
  readonly approval: Approval
  readonly binding: string
  readonly webhook: string
  readonly messageId: string
}

/** What the outbox needs of the rest. */
export interface OutboxVerbs {
  /** The webhooks that this process knows; others are left to those that do. */
  readonly names: readonly string[]
  /** Resolves when the other end has it. What it throws is tried again. */
  send(delivery: Delivery): Promise<void>
  /** For the log: delivered at the last of so many tries. */
  told?(delivery: Delivery, attempts: number): Promise<unknown>
  now(): number
  report(thrown: unknown): void
}

/** Questions on their way out: durable, so that none is lost, and delivered at least once by one of the gateways. */
export interface Outbox {
  close(): void
}

/** So many are under way at once. */
const MOST_SENDING = 32
/** A try that was not heard of for so long, as its process ended, is made again: longer than one may take (gateway/io.ts). */
const CLAIM_MS = 15_000
const FIRST_RETRY_MS = 1000
const LONGEST_RETRY_MS = 300_000
/** While the state cannot be read. */
const OUTAGE_MS = 5000
/** Clocks of gateways differ, and a machine may sleep: it looks at least so often. */
const LONGEST_SLEEP_MS = 60_000

/** Delivers what is due, at the start, when a question is asked, and when a retry is. Nobody waits for it. */
export function openOutbox(store: Store, verbs: OutboxVerbs): Outbox {
  const { names, now, report } = verbs
  let sending = 0
  let isClosed = false
  let isLooking = false
  let isStale = false
  let timer: NodeJS.Timeout | undefined
  store.watch('approval', async () => look())
  look()
  return {
    close() {
      isClosed = true
      clearTimeout(timer)
    },
  }

  function look(): void {
    isStale = true
    if (isLooking || isClosed) return
    isLooking = true
    sendDue()
      .then(sleep, (thrown: unknown) => {
        report(thrown)
        sleep(now() + OUTAGE_MS)
      })
      .finally(() => {
        isLooking = false
        if (isStale) look()
      })
  }

  /** Answers when the next one is due. */
  async function sendDue(): Promise<number> {
    isStale = false
    const time = now() // once: what falls due between two looks at the clock would be in neither
    const waiting = store.db.selectFrom('approval_deliveries').selectAll().where('webhook', 'in', names).orderBy('due_at')
    const due = await waiting
      .where('due_at', '<=', time)
      .limit(MOST_SENDING - sending)
      .execute()
    for (const row of due) if (await claim(row)) void deliver({ ...row, attempts: row.attempts + 1 })
    const next = await waiting.where('due_at', '>', time).limit(1).executeTakeFirst()
    return next?.due_at ?? now() + LONGEST_SLEEP_MS
  }

  function sleep(until: number): void {
    clearTimeout(timer)
    if (isClosed) return
    timer = setTimeout(look, Math.min(Math.max(until - now(), 0), LONGEST_SLEEP_MS))
    timer.unref()
  }

  /** Compare and set: of several gateways one makes this try. */
  async function claim({ approval_id, webhook, due_at, attempts }: DeliveryRow): Promise<boolean> {
    if (isClosed) return false
    const { numUpdatedRows } = await store.write((tx) =>
      tx
        .updateTable('approval_deliveries')
        .set({ due_at: now() + CLAIM_MS, attempts: attempts + 1 })
        .where('approval_id', '=', approval_id)
        .where('webhook', '=', webhook)
        .where('due_at', '=', due_at)
        .where('attempts', '=', attempts)
        .executeTakeFirst(),
    )
    return numUpdatedRows === 1n
  }

  async function deliver(row: DeliveryRow): Promise<void> {
    sending += 1
    try {
      const next = await tryOnce(row)
      if (!isClosed) await settle(row, next)
    } catch (thrown) {
      report(thrown)
    } finally {
      sending -= 1
      look()
    }
  }

  /** When to try again: not where it was delivered, or nobody waits for the answer any more. */
  async function tryOnce({ approval_id, webhook, message_id, attempts }: DeliveryRow): Promise<number | null> {
    const found = await store.db.selectFrom('approvals').selectAll().where('id', '=', approval_id).executeTakeFirst()
    const approval = found && approvalOf(found, now())
    if (found === undefined || approval?.state !== 'pending') return null
    const delivery = { approval, binding: found.binding, webhook, messageId: message_id }
    try {
      await verbs.send(delivery)
    } catch (thrown) {
      report(thrown)
      return now() + Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), LONGEST_RETRY_MS)
    }
    await verbs.told?.(delivery, attempts)
    return null
  }

  async function settle({ approval_id, webhook, attempts }: DeliveryRow, due_at: number | null): Promise<void> {
    await store.write((tx) =>
      tx
        .updateTable('approval_deliveries')
        .set({ due_at })
        .where('approval_id', '=', approval_id)
        .where('webhook', '=', webhook)
        .where('attempts', '=', attempts)
        .execute(),
    )
  }
}
