import { StintError } from '../errors.ts'
import { ISSUER_ALGORITHMS, publicKeyFor } from './algorithms.ts'
import type { IssuerConfig, IssuerIo, IssuerWorld, PublicJwk } from './issuer.ts'
import { isRecord } from './jwt.ts'

type Header = Parameters<IssuerWorld['findKey']>[1]

interface KeySet {
  readonly keys: readonly unknown[]
  readonly fetchedAt: number
}

interface Entry {
  set?: KeySet
  flight?: Promise<KeySet>
  triedAt: number
}

/** A key the issuer withdrew is refused after this at the latest, also while the issuer is away. */
const MAX_AGE_MS = 10 * 60_000
/** An unknown kid asks the issuer again, but not sooner than this after the last time: random kids cannot make Stint hammer it. */
const REFETCH_MS = 30_000
/** After a failed fetch the next one waits this long. */
const RETRY_MS = 5000
const MAX_KEYS = 100
const MAX_KID = 512

/** Finds keys by discovery (OpenID Connect Discovery 1.0, section 4) over `io`, kept in memory, one fetch at a time for each issuer. */
export function createFindKey(io: IssuerIo): IssuerWorld['findKey'] {
  const entries = new Map<string, Entry>()
  return findKey

  async function findKey(config: IssuerConfig, header: Header): Promise<PublicJwk> {
    if (!ISSUER_ALGORITHMS.includes(header.alg)) throw refused('its alg is not an allowed signature algorithm')
    const entry = entryOf(config.issuer)
    const cached =
      entry.set !== undefined && io.now() - entry.set.fetchedAt < MAX_AGE_MS ? entry.set : await refresh(entry, config)
    const known = pick(cached, header)
    if (known !== undefined) return known
    const mayAsk = entry.flight !== undefined || io.now() - entry.triedAt >= REFETCH_MS
    const found = mayAsk ? pick(await refresh(entry, config), header) : undefined
    if (found !== undefined) return found
    throw refused('the issuer publishes no key with the token’s kid that fits its alg')
  }

  function entryOf(issuer: string): Entry {
    const entry = entries.get(issuer) ?? { triedAt: Number.NEGATIVE_INFINITY }
    entries.set(issuer, entry)
    return entry
  }

  function refresh(entry: Entry, config: IssuerConfig): Promise<KeySet> {
    if (entry.flight !== undefined) return entry.flight
    const failedLast = entry.set === undefined || entry.set.fetchedAt < entry.triedAt
    if (failedLast && io.now() - entry.triedAt < RETRY_MS)
      return Promise.reject(unavailable('its last fetch failed a moment ago'))
    entry.triedAt = io.now()
    entry.flight = fetchKeys(config)
      .then((set) => {
        entry.set = set
        return set
      })
      .finally(() => {
        delete entry.flight
      })
    return entry.flight
  }

  async function fetchKeys(config: IssuerConfig): Promise<KeySet> {
    const document = await io.getJson(`${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, config)
    if (!isRecord(document)) throw unavailable('its discovery document is not a JSON object')
    if (document.issuer !== config.issuer)
      throw unavailable(`its discovery document names another issuer: ${show(document.issuer)}`)
    const set = await io.getJson(keyUrl(document.jwks_uri, config), config)
    if (!isRecord(set) || !Array.isArray(set.keys)) throw unavailable('its key set is not a JWKS')
    if (set.keys.length > MAX_KEYS) throw unavailable(`its key set has more than ${MAX_KEYS} keys`)
    return { keys: set.keys, fetchedAt: io.now() }
  }
}

/** As secure as the issuer itself: https, or for an issuer on loopback over http that same origin. */
function keyUrl(jwksUri: unknown, { issuer }: IssuerConfig): string {
  const url = typeof jwksUri === 'string' ? URL.parse(jwksUri) : null
  const secure = url?.protocol === 'https:' || (issuer.startsWith('http:') && url?.origin === new URL(issuer).origin)
  if (url === null || !secure || url.username + url.password !== '')
    throw unavailable(`its jwks_uri is not usable: ${show(jwksUri)}`)
  return url.href
}

/** With a kid, the one key of that name; without, the only key that fits. Two keys are an ambiguity, hence none. */
function pick({ keys }: KeySet, { alg, kid }: Header): PublicJwk | undefined {
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KID)) throw refused('its kid is not a short text')
  const fitting = keys.flatMap((jwk) => {
    const key = isRecord(jwk) && (kid === undefined || jwk.kid === kid) ? publicKeyFor(alg, jwk) : undefined
    return key === undefined ? [] : [key]
  })
  return fitting.length === 1 ? fitting[0] : undefined
}

function show(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 200)
}

function refused(operatorDetail: string): StintError {
  return new StintError('invalid_token', 'the token is not acceptable', { operatorDetail })
}

function unavailable(operatorDetail: string): StintError {
  return new StintError('issuer_unavailable', 'the issuer’s keys cannot be fetched', { operatorDetail })
}
