import { StintError } from '../errors.ts'
import { flattenClaims, matchRule } from './claims.ts'
import { createFindKey } from './find-key.ts'
import type { Issuer, IssuerConfig, IssuerIo, IssuerWorld, ParsedJwt, Vouched } from './issuer.ts'

/** Verifies a token with the plugin of its issuer's kind, then matches the rules. Throws `invalid_token`, `issuer_unavailable`, `issuer_unknown`. */
export type Vouch = (token: ParsedJwt, config: IssuerConfig) => Promise<Vouched>

/** Joins the kinds of issuer with the world and one memory of their keys. */
export function createVouch(kinds: Readonly<Record<string, Issuer>>, io: IssuerIo): Vouch {
  const world: IssuerWorld = { ...io, findKey: createFindKey(io) }
  return async (token, config) => {
    const kind = Object.hasOwn(kinds, config.kind) ? kinds[config.kind] : undefined
    if (kind === undefined) throw new StintError('issuer_unknown', `there is no kind of issuer called ${config.kind}`)
    await kind.verify(token, config, world)
    return admit(token, config)
  }
}

function admit({ payload }: ParsedJwt, { issuer, rules }: IssuerConfig): Vouched {
  const claims = flattenClaims(payload)
  const rule = matchRule(rules, claims)
  if (rule === undefined) {
    throw new StintError('invalid_token', 'the token is not acceptable', { operatorDetail: 'no rule matches its claims' })
  }
  return { rule, caller: { id: rule.workload, proof: 'federated', issuer, actors: [], claims } }
}
