import type { Store } from './store.ts'

/** A caller's Idempotency-Key (draft-ietf-httpapi-idempotency-key-header). */
interface Key {
  readonly key: string
  readonly caller: string
}

/** Remembers which requests were made under which key, for a day, across restarts. */
export interface Idempotency {
  /** Claims the key durably, once; or answers who holds it. `responseJson` is absent when that request never finished. */
  claim(key: Key, digest: string): Promise<{ readonly digest: string; readonly responseJson?: string } | undefined>
  finish(key: Key, responseJson: string): Promise<void>
  /** Forgets a claim whose request failed without effect. */
  release(key: Key): Promise<void>
}

const KEPT_MS = 24 * 60 * 60 * 1000

/** The keys in the store. Everything throws `store_unavailable`. */
export function createIdempotency(store: Store, now: () => number): Idempotency {
  return {
    claim: ({ key, caller }, digest) =>
      store.write(async (tx) => {
        await tx
          .deleteFrom('idempotency')
          .where('at', '<', now() - KEPT_MS)
          .execute()
        const held = await tx
          .selectFrom('idempotency')
          .selectAll()
          .where('caller', '=', caller)
          .where('key', '=', key)
          .executeTakeFirst()
        if (held !== undefined) {
          return { digest: held.request_digest, ...(held.response_json !== null && { responseJson: held.response_json }) }
        }
        await tx.insertInto('idempotency').values({ key, caller, request_digest: digest, at: now() }).execute()
        return undefined
      }),
    async finish({ key, caller }, responseJson) {
      await store.write((tx) =>
        tx
          .updateTable('idempotency')
          .set({ response_json: responseJson })
          .where('caller', '=', caller)
          .where('key', '=', key)
          .execute(),
      )
    },
    async release({ key, caller }) {
      await store.write((tx) => tx.deleteFrom('idempotency').where('caller', '=', caller).where('key', '=', key).execute())
    },
  }
}
