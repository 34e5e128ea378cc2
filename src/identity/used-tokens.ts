import { createHash } from 'node:crypto'
import type { Store } from '../store/store.ts'

/** Remembers the tokens of issuers that work once, across restarts. */
export interface UsedTokens {
  /**
   * Uses a token up, durably when it resolves. `jti` is the issuer's name for it (RFC 7519, section 4.1.7), `expiresAt` epoch
   * milliseconds. Throws `store_unavailable`: what cannot be remembered must not be accepted.
   */
  use(issuer: string, jti: string, expiresAt: number): Promise<'first' | 'again' | 'full'>
}

/** A token is remembered for so long after it expired, for a clock that is set back. */
const MARGIN_MS = 3_600_000
/** Tokens of one issuer that are remembered. Past it none is accepted: forgetting early would let one be used twice. */
const PER_ISSUER = 100_000

/** The used tokens in the store. Each use sweeps what has expired. */
export function createUsedTokens(store: Store, now: () => number, perIssuer = PER_ISSUER): UsedTokens {
  return {
    use: (issuer, jti, expiresAt) =>
      store.write(async (tx) => {
        await tx.deleteFrom('used_tokens').where('expires_at', '<', now()).execute()
        const digest = createHash('sha256')
          .update(JSON.stringify([issuer, jti]))
          .digest('base64url')
        const held = await tx.selectFrom('used_tokens').select('digest').where('digest', '=', digest).executeTakeFirst()
        if (held !== undefined) return 'again'
        const { count } = await tx
          .selectFrom('used_tokens')
          .select((e) => e.fn.countAll<number>().as('count'))
          .where('issuer', '=', issuer)
          .executeTakeFirstOrThrow()
        if (Number(count) >= perIssuer) return 'full'
        const expires_at = Math.ceil(expiresAt) + MARGIN_MS
        await tx.insertInto('used_tokens').values({ digest, issuer, expires_at }).execute()
        return 'first'
      }),
  }
}
