import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { StintError } from '../errors.ts'
import type { Membership } from '../store/gateways.ts'
import type { Store } from '../store/store.ts'

/** Remembers the DPoP proofs that were used at any of the gateways that share a state. */
export interface UsedProofs {
  /** Uses a proof up, durably, for as long as any gateway takes it. Throws `store_unavailable`, `cut_off`: it is then not accepted. */
  use(thumbprint: string, jti: string, expiresAt: number): Promise<'first' | 'again'>
}

/** A proof is remembered for so long after it expired, for gateways whose clocks differ by less. */
const MARGIN_MS = 300_000
/** Each use forgets so many that are older, so that they do not grow in number. */
const SWEPT = 2

/**
 * The used proofs in a shared state, beside the tokens. One statement claims one: the key decides who was first, and nobody waits for a
 * writer of anything else.
 */
export function createUsedProofs({ db }: Store, gateways: Pick<Membership, 'isCurrent'>, now: () => number): UsedProofs {
  return {
    async use(thumbprint, jti, expiresAt) {
      if (!gateways.isCurrent()) throw new StintError('cut_off', 'this gateway has not heard about revocations for too long')
      const digest = createHash('sha256')
        .update(JSON.stringify(['dpop', thumbprint, jti]))
        .digest('base64url')
      const claim = sql`
        with swept as (delete from used_tokens where digest in
          (select digest from used_tokens where expires_at < ${now()} limit ${SWEPT} for update skip locked))
        insert into used_tokens (digest, issuer, expires_at) values (${digest}, 'dpop', ${Math.ceil(expiresAt) + MARGIN_MS})
        on conflict do nothing`
      const { numAffectedRows } = await db
        .transaction()
        .setIsolationLevel('read committed') // whatever the role’s default: else two at once are an error, not an answer
        .execute((tx) => claim.execute(tx))
      return numAffectedRows === 1n ? 'first' : 'again'
    },
  }
}
