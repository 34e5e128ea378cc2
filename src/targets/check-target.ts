import { StintError } from '../errors.ts'
import type { Environment, HostRule, Placement, Scheme, Sensitivity, Target } from '../model.ts'
import { checkTrustedCa } from './check-ca.ts'
import { checkHost, checkPort } from './check-host.ts'
import { checkNetwork } from './check-network.ts'

const ENVIRONMENTS: readonly Environment[] = ['production', 'staging', 'development', 'unknown']
const SENSITIVITIES: readonly Sensitivity[] = ['public', 'internal', 'confidential', 'restricted']
const ID = /^[a-z0-9][a-z0-9._-]{0,62}$/
const CREDENTIAL_ID = /^[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}$/
/** An action as a scope names it. */
const PRICED = /^(?:\*|[\x21-\x29\x2b-\x7e]{1,200}\*?)$/
const LABEL = /^[a-z0-9][a-z0-9._:/-]{0,63}$/
/** Stint's own say to programs what they run under. */
const VARIABLE = /^(?!STINT_)[A-Za-z_][A-Za-z0-9_]{0,99}$/
const PRINTABLE = /^[\x20-\x7e]*$/
/** RFC 9110, section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
/** Headers that say where a message goes and where it ends: a credential in one of them would change the request. */
const FRAMING = /^(?:host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|expect|dpop|proxy-.*)$/i

/** What a target must fit of its connector. */
export interface Kind {
  /** How its hosts are spoken to; http and https when absent. */
  readonly schemes?: readonly Scheme[]
  /** There for one that mints: the target's credential is then shown to the provider only, and placed nowhere. */
  readonly minting?: {
    readonly settings: Settings
    checkTarget?(target: Target): void
    /** There where what is minted is something that a program can be handed. */
    handOut?: unknown
  }
  /** What one that does not mint may be told. */
  readonly settings?: Settings
  /** There for one whose targets can be programs. Throws `invalid_argument`. */
  programOf?(target: Target): unknown
}

type Settings = Readonly<Record<string, { readonly required: boolean; readonly isList: boolean; readonly pattern: RegExp }>>

/** Connectors by the name that targets call them. */
export type Kinds = Readonly<Record<string, Kind>>

const HTTP: readonly Scheme[] = ['http', 'https']
const ANYTHING: Kind = { schemes: [...HTTP, 'postgres', 'mysql', 'redis', 'ssh'] }

/** The target in canonical form. Throws `invalid_argument` naming the field. Without `kinds` its connector is not looked into. */
export function checkTarget(target: Target, kinds: Kinds | undefined): Target {
  if (!ID.test(target.id)) throw invalid('id', `takes a name that matches ${ID.source}`)
  const kind = kinds === undefined ? ANYTHING : Object.hasOwn(kinds, target.connector) ? kinds[target.connector] : undefined
  if (kind === undefined) throw invalid('connector', `takes one of ${Object.keys(kinds ?? {}).join(', ')}`)
  if (target.hosts.length < 1 || target.hosts.length > 50) throw invalid('hosts', 'takes 1 to 50 entries')
  if (target.privateNetworks.length > 20) throw invalid('privateNetworks', 'takes at most 20 entries')
  const checked: Target = {
    id: target.id,
    connector: target.connector,
    hosts: target.hosts.map((rule) => checkHostRule(rule, kind.schemes ?? HTTP)),
    environment: oneOf('environment', ENVIRONMENTS, target.environment),
    sensitivity: oneOf('sensitivity', SENSITIVITIES, target.sensitivity),
    labels: checkLabels(target.labels),
    privateNetworks: target.privateNetworks.map(checkNetwork),
    ...(target.trustedCa !== undefined && { trustedCa: checkTrustedCa(target.trustedCa) }),
    ...(target.credentialId !== undefined && { credentialId: checkCredentialId(target.credentialId) }),
    placement: checkPlacement(target.placement),
    ...(target.settings !== undefined && { settings: target.settings }),
    ...(target.handsOut === true && { handsOut: true }),
    ...(target.prices !== undefined && { prices: checkPrices(target.prices) }),
  }
  if (checked.handsOut === true && kinds !== undefined) refuseKept(checked, kind)
  if (kinds !== undefined) checkSettings(checked, kind)
  if (kinds !== undefined) checkProgram(checked, kind)
  if (kind.minting !== undefined) refusePlacement(checked)
  else refuseHalfCredential(checked)
  if (kind.minting !== undefined || checked.credentialId !== undefined) refuseClear(checked)
  return checked
}

function checkHostRule({ scheme, host, port }: HostRule, schemes: readonly Scheme[]): HostRule {
  return { scheme: oneOf('scheme', schemes, scheme), host: checkHost(host, true), port: checkPort(port) }
}

function checkSettings(target: Target, { minting, settings }: Kind): void {
  const known = minting?.settings ?? settings ?? {}
  const given = target.settings ?? {}
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(known, name))
      throw invalid(
        `settings.${name}`,
        `is not a setting of ${target.connector}: ${Object.keys(known).join(', ') || 'it has none'}`,
      )
  }
  for (const [name, { required, isList, pattern }] of Object.entries(known)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    if (value === undefined && required) throw invalid(`settings.${name}`, `is missing; ${target.connector} needs it`)
    if (value === undefined) continue
    if (Array.isArray(value) !== isList) throw invalid(`settings.${name}`, isList ? 'takes a list' : 'takes one value')
    for (const one of [value].flat())
      if (!pattern.test(one)) throw invalid(`settings.${name}`, `takes what matches ${pattern.source}`)
  }
  minting?.checkTarget?.(target)
}

/** A program is shown its credential when it is started, and nothing else is shown one so. */
function checkProgram(target: Target, kind: Kind): void {
  const isProgram = kind.programOf?.(target) !== undefined
  const { kind: placed } = target.placement
  if (placed === 'env' && !isProgram) throw invalid('placement', 'takes env:NAME where Stint starts a program to be the target')
  if (isProgram && placed !== 'env' && placed !== 'none')
    throw invalid('placement', 'takes env:NAME where Stint starts a program: it is told its credential in its environment')
}

function checkPrices(prices: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const entries = Object.entries(prices)
  const wrong = entries.find(([pattern, price]) => !PRICED.test(pattern) || !Number.isSafeInteger(price) || price < 0)
  if (wrong !== undefined || entries.length > 100)
    throw invalid('prices', 'takes up to 100 whole numbers by action, or by its beginning and *: http:POST=5')
  return prices
}

/** A standing key is never handed out. */
function refuseKept({ connector }: Target, { minting }: Kind): void {
  if (minting?.handOut === undefined)
    throw invalid('handsOut', `is not for ${connector}: it makes nothing that a program is handed`)
}

function refusePlacement({ placement, connector }: Target): void {
  if (placement.kind !== 'none') throw invalid('placement', `takes none: ${connector} places what it mints by itself`)
}

function checkLabels(labels: readonly string[]): readonly string[] {
  if (labels.length > 32 || !labels.every((label) => LABEL.test(label)))
    throw invalid('labels', `takes up to 32 that match ${LABEL.source}`)
  return [...new Set(labels)]
}

function checkCredentialId(id: string): string {
  if (CREDENTIAL_ID.test(id)) return id
  throw invalid('credentialId', `takes a name that matches ${CREDENTIAL_ID.source}`)
}

function checkPlacement(placement: Placement): Placement {
  switch (placement.kind) {
    case 'none':
      return { kind: 'none' }
    case 'header':
      if (!TOKEN.test(placement.name) || FRAMING.test(placement.name))
        throw invalid('placement.name', 'takes a header that carries a credential')
      return { kind: 'header', name: placement.name.toLowerCase(), prefix: checkPrintable('placement.prefix', placement.prefix) }
    case 'basic':
      if (placement.username.includes(':')) throw invalid('placement.username', 'takes no colon (RFC 7617, section 2)')
      return { kind: 'basic', username: checkPrintable('placement.username', placement.username) }
    case 'query':
      if (!/^[A-Za-z0-9._~-]{1,100}$/.test(placement.name)) throw invalid('placement.name', 'takes the name of a query parameter')
      return { kind: 'query', name: placement.name }
    case 'placeholder':
      if (!/^[A-Za-z0-9._~-]{8,200}$/.test(placement.placeholder))
        throw invalid('placement.placeholder', 'takes 8 to 200 of A-Z a-z 0-9 . _ ~ -')
      return { kind: 'placeholder', placeholder: placement.placeholder, body: placement.body }
    case 'env':
      if (!VARIABLE.test(placement.name)) throw invalid('placement.name', `takes a variable that matches ${VARIABLE.source}`)
      return { kind: 'env', name: placement.name }
    default:
      throw invalid('placement.kind', 'takes none, header, basic, query, placeholder or env')
  }
}

function checkPrintable(name: string, value: string): string {
  if (value.length <= 200 && PRINTABLE.test(value)) return value
  throw invalid(name, 'takes up to 200 printable ASCII characters')
}

function refuseHalfCredential({ credentialId, placement }: Target): void {
  if ((credentialId === undefined) !== (placement.kind === 'none')) {
    throw invalid('credentialId', 'and a placement go together: name both, or neither with placement none')
  }
}

function refuseClear({ hosts, privateNetworks }: Target): void {
  if (hosts.some(({ scheme }) => scheme === 'http') && privateNetworks.length === 0) {
    throw invalid('hosts', 'takes https where a credential is sent; http only into privateNetworks')
  }
}

function oneOf<T extends string>(name: string, known: readonly T[], value: T): T {
  if (known.includes(value)) return value
  throw invalid(name, `takes one of ${known.join(', ')}`)
}

function invalid(name: string, takes: string): StintError {
  return new StintError('invalid_argument', `${name} ${takes}`)
}
