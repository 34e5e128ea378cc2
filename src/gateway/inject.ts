import type { Injection } from '../credentials/connector.ts'
import type { Lease } from '../credentials/lease.ts'
import type { Operation } from '../model.ts'
import { authorityOf } from './arrival.ts'
import { isRewrite } from './headers.ts'
import type { Rewrite } from './rewrite.ts'
import { createScrubber, type Scrubber } from './scrub.ts'
import { chainRewrites, createSubstitution } from './substitute.ts'

/** A request as it leaves, secrets and all: only undici may see it. `headers` is flat, `host` first. */
export interface Outgoing {
  readonly path: string
  readonly headers: string[]
}

/** What a lease does to every request, worked out once. */
export interface Plan {
  readonly lease: Lease
  readonly scrubber: Scrubber
  /** A lease that injects makes the caller's own credentials, in both directions, stay behind. */
  readonly injects: boolean
  readonly rewritesBody: boolean
  apply(operation: Operation): Outgoing
  /** Signs what `apply` made; absent where nothing is signed. Rejects with a StintError for what cannot be. */
  readonly sign: ((operation: Operation, outgoing: Outgoing) => Promise<Outgoing>) | undefined
  /** The trailer fields to send of those that came, flat: none that a header section would not have passed (RFC 9110, section 6.5.1). */
  trailers(raw: readonly string[]): string[]
  /** A fresh rewrite for one body; undefined when bodies pass as they are. */
  bodyRewrite(): Rewrite | undefined
}

/**
 * Never sent on: hop-by-hop fields (RFC 9110, section 7.6.1; undici writes its own), what the gateway answers itself, and
 * fields that claim something about hops before the target. `Forwarded` and `Via` are not added either: they would tell the
 * target about the caller's network.
 */
const NEVER = [
  'host',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
  'forwarded',
  'via',
  'x-real-ip',
  'true-client-ip',
]
const NEVER_PREFIXES = ['proxy-', 'x-forwarded-'] as const

/** Where callers put credentials of their own; they stay behind when the lease injects one, so that only one identity speaks. */
const CREDENTIAL_FIELDS = [
  'authorization',
  'cookie',
  'dpop',
  'x-api-key',
  'api-key',
  'x-auth-token',
  'private-token',
  'job-token',
  'x-goog-api-key',
]

/** Framing and control of a request have no place after its body. */
const NOT_TRAILERS = new Set([
  ...CREDENTIAL_FIELDS,
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'range',
  'cache-control',
])

const plans = new WeakMap<Lease, Plan>()

/** The plan of a lease; kept as long as the lease is. */
export function planOf(lease: Lease): Plan {
  const known = plans.get(lease)
  if (known !== undefined) return known
  const plan = makePlan(lease)
  plans.set(lease, plan)
  return plan
}

function makePlan(lease: Lease): Plan {
  const { injections } = lease
  const injects = injections.length > 0
  const placeholders = injections.filter((one) => one.kind === 'placeholder')
  const inBody = placeholders.filter((one) => one.body)
  const signing = injections.find((one) => one.kind === 'sign')
  const credentials = new Set(injects ? [...CREDENTIAL_FIELDS, ...injections.flatMap(fieldOf)] : [])
  const dropped = new Set([...NEVER, ...(injects ? ['accept-encoding', 'sec-websocket-extensions'] : [])])
  return {
    lease,
    scrubber: createScrubber(injections.map((one) => one.value)),
    injects,
    rewritesBody: inBody.length > 0,
    apply: (operation) => ({
      path: pathWith(operation, injections),
      headers: headersFor(operation, { dropped, credentials, placeholders, injections, inBody: inBody.length > 0 }),
    }),
    sign: signing && ((operation, { headers }) => signing.sign({ operation, headers })),
    trailers: (raw) => trailersFrom(raw, (name) => dropped.has(name) || credentials.has(name)),
    bodyRewrite: () =>
      chainRewrites(inBody.map((one) => createSubstitution(Buffer.from(one.placeholder), Buffer.from(one.value.reveal())))),
  }
}

interface HeaderRules {
  readonly dropped: ReadonlySet<string>
  readonly credentials: ReadonlySet<string>
  readonly placeholders: readonly PlaceholderInjection[]
  readonly injections: readonly Injection[]
  readonly inBody: boolean
}

type PlaceholderInjection = Extract<Injection, { kind: 'placeholder' }>

function headersFor(operation: Operation, rules: HeaderRules): string[] {
  const { headers } = operation
  const nominated = nominatedBy(headers.connection)
  const out = ['host', authorityOf(operation)]
  for (const name in headers) {
    const field = name.includes('_') ? name.replaceAll('_', '-') : name // some servers read both as one
    if (rules.dropped.has(field) || isForeignHop(field) || nominated?.includes(name)) continue
    const given = headers[name] ?? ''
    const value = rules.placeholders.length === 0 ? given : fillIn(given, rules.placeholders)
    if (rules.credentials.has(field) && value === given) continue
    if (rules.inBody && name === 'content-length') continue
    out.push(name, value)
  }
  if (headers.trailer !== undefined) out.push('trailer', headers.trailer)
  if (headers.te?.toLowerCase().includes('trailers')) out.push('te', 'trailers')
  if (rules.injections.length > 0) out.push('accept-encoding', 'identity') // replies must be readable to be scrubbed
  for (const injection of rules.injections) addField(out, injection)
  return out
}

function trailersFrom(raw: readonly string[], isDropped: (name: string) => boolean): string[] {
  const out: string[] = []
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase()
    const field = name.replaceAll('_', '-')
    if (!isDropped(field) && !isForeignHop(field) && !NOT_TRAILERS.has(field) && !isRewrite(field))
      out.push(name, raw[i + 1] ?? '')
  }
  return out
}

function isForeignHop(name: string): boolean {
  return name.startsWith(NEVER_PREFIXES[0]) || name.startsWith(NEVER_PREFIXES[1])
}

/** Fields that `Connection` makes hop-by-hop; checkHeaders refused those it must not name. */
function nominatedBy(connection: string | undefined): readonly string[] | undefined {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return undefined
  return connection
    .toLowerCase()
    .split(',')
    .map((option) => option.trim())
}

function fieldOf(injection: Injection): string[] {
  return injection.kind === 'header' ? [injection.name.toLowerCase().replaceAll('_', '-')] : []
}

function addField(out: string[], injection: Injection): void {
  if (injection.kind === 'header') out.push(injection.name.toLowerCase(), injection.prefix + injection.value.reveal())
  if (injection.kind !== 'basic') return
  const pair = `${injection.username}:${injection.value.reveal()}`
  out.push('authorization', `Basic ${Buffer.from(pair).toString('base64')}`)
}

/** Replaces the placeholders in a field value, also inside basic credentials (RFC 7617). */
function fillIn(value: string, placeholders: readonly PlaceholderInjection[]): string {
  const basic = /^basic +([A-Za-z0-9+/]+=*)$/i.exec(value)?.[1]
  if (basic === undefined) return replaceIn(value, placeholders)
  const pair = Buffer.from(basic, 'base64').toString('latin1')
  const filled = replaceIn(pair, placeholders)
  return filled === pair ? value : `Basic ${Buffer.from(filled, 'latin1').toString('base64')}`
}

function replaceIn(text: string, placeholders: readonly PlaceholderInjection[]): string {
  let out = text
  for (const { placeholder, value } of placeholders) {
    if (out.includes(placeholder)) out = out.replaceAll(placeholder, () => value.reveal())
  }
  return out
}

/** The path to send, with injected query parameters; a caller's own of the same name, in any case and escaping, is dropped. */
function pathWith({ path, query }: Operation, injections: readonly Injection[]): string {
  const wanted = injections.filter((one) => one.kind === 'query')
  if (wanted.length === 0) return query === '' ? path : `${path}?${query}`
  const names = new Set(wanted.map((one) => one.name.toLowerCase()))
  const kept = query.split('&').filter((part) => part !== '' && !names.has(nameOfParameter(part)))
  const added = wanted.map((one) => `${encodeURIComponent(one.name)}=${encodeURIComponent(one.value.reveal())}`)
  return `${path}?${[...kept, ...added].join('&')}`
}

function nameOfParameter(part: string): string {
  const [name = ''] = part.split('=', 1)
  try {
    return decodeURIComponent(name.replaceAll('+', ' ')).toLowerCase()
  } catch {
    return name.toLowerCase()
  }
}
