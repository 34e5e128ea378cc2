import { StintError } from '../../errors.ts'
import type { Placement } from '../../model.ts'
import type { Secret } from '../../secret.ts'
import type { Injection, Obtained, ObtainInput } from '../connector.ts'

/** What a header, a username and password, and a URL can all carry. */
const CARRIED = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** A standing secret where the placement puts it. Throws `credential_missing` when there is none, or none that fits there. */
export function injectionsOf(placement: Placement, standing: Secret | undefined): readonly Injection[] {
  if (placement.kind === 'none') return []
  if (standing === undefined) throw new StintError('credential_missing', 'the target names no credential')
  if (!CARRIED.test(standing.reveal())) {
    throw new StintError('credential_missing', 'the credential has characters that a request cannot carry, such as a line break')
  }
  return [{ ...placement, value: standing }]
}

/** The standing secret as it is, where the target wants it. Throws `credential_missing`. */
export async function obtainPlaced({ target, standing }: Pick<ObtainInput, 'target' | 'standing'>): Promise<Obtained> {
  return { injections: injectionsOf(target.placement, standing) }
}
