import { StintError } from '../../errors.ts'
import type { HostRule, Target } from '../../model.ts'
import type { Setting } from '../minting.ts'
import { listOf, settingOf } from './setting.ts'

/** The longest life of a token that is kept: one that is lost is dead after it. */
export const MAX_LIFE_SECONDS = 86_400

const URL_TEXT = /^https?:\/\/[^\s#@?]+(?:\?[^\s#@]*)?$/
/** RFC 6749, section 3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/

/** What an OAuth target is told. */
export const OAUTH_SETTINGS: Readonly<Record<string, Setting>> = {
  token_url: one('Where tokens are asked for (RFC 6749, section 3.2).', URL_TEXT, true),
  client_id: one('The client that Stint is to the authorization server.', /^[\x21-\x7e]{1,500}$/, true),
  issuer: one('The server’s issuer identifier, the audience of client assertions; needed for private_key_jwt.', URL_TEXT),
  grant_type: one(
    'How tokens are asked for: client_credentials (the default), refresh_token or token_exchange (RFC 8693).',
    /^(?:client_credentials|refresh_token|token_exchange)$/,
  ),
  auth_method: one(
    'How the client proves itself: client_secret_basic (the default), client_secret_post, private_key_jwt or none.',
    /^(?:client_secret_basic|client_secret_post|private_key_jwt|none)$/,
  ),
  signing_alg: one(
    'The algorithm of private_key_jwt: RS256 (the default), PS256, ES256 or Ed25519.',
    /^(?:RS256|PS256|ES256|Ed25519)$/,
  ),
  key_id: one('The key’s id in the client’s JWKS, for private_key_jwt.', /^[\x21-\x7e]{1,200}$/),
  subject_token_type: one('What kind of token token_exchange gives; an access token when not said.', /^urn:[!-~]{1,200}$/),
  scopes_read: list('The scopes that reading takes. Without any scopes the server’s default is taken.', SCOPE),
  scopes_write: list('The scopes that writing takes; those of reading when not said.', SCOPE),
  scopes_destructive: list('The scopes that deleting takes; those of writing when not said.', SCOPE),
  audience: list('For whom the tokens are, where the server asks for it (RFC 8693, section 2.1).', /^[\x21-\x7e]{1,500}$/),
  resource: list('For which APIs the tokens are (RFC 8707).', URL_TEXT),
  revocation_url: one(
    'Where tokens are revoked (RFC 7009). Leave it out where the API goes on taking them: they then expire.',
    URL_TEXT,
  ),
  introspection_url: one('Where a token is asked about (RFC 7662), for want of a probe_url.', URL_TEXT),
  probe_url: one('A harmless GET of the API that every token may do: it answers JSON, or 401 to a dead one.', URL_TEXT),
  token_life_seconds: one('How long tokens live, where the server does not say; at most a day.', /^[1-9][0-9]{0,4}$/),
}

const URLS = ['token_url', 'revocation_url', 'introspection_url', 'probe_url']

/** Checks what no pattern can. Throws `invalid_argument`. */
export function checkOauthTarget(target: Target): void {
  const { credentialId, hosts, privateNetworks } = target
  const has = (name: string): boolean => settingOf(target, name) !== ''
  if (credentialId === undefined) throw invalid('credentialId', 'is missing; it names what the client proves itself by')
  for (const name of URLS) if (has(name)) checkUrl(name, settingOf(target, name), privateNetworks.length > 0)
  if (has('probe_url') && !covers(hosts, placeOf(settingOf(target, 'probe_url'))))
    throw invalid('settings.probe_url', 'takes a place on one of the hosts, since the token is shown there')
  if (!has('probe_url') && !has('introspection_url'))
    throw invalid('settings.probe_url', 'or introspection_url is needed: without it nobody could tell whether a token is dead')
  if (settingOf(target, 'auth_method') === 'private_key_jwt' && !has('issuer'))
    throw invalid('settings.issuer', 'is missing; private_key_jwt needs it')
  if (Number(settingOf(target, 'token_life_seconds')) > MAX_LIFE_SECONDS)
    throw invalid('settings.token_life_seconds', `takes up to ${MAX_LIFE_SECONDS}`)
  const widest = ['scopes_write', 'scopes_destructive'].find((name) => listOf(target, name).length > 0)
  if (widest !== undefined && listOf(target, 'scopes_read').length === 0)
    throw invalid('settings.scopes_read', `is missing; with ${widest} alone reading would get the server’s default`)
}

/** Where the authorization server is, beside the target’s own hosts. */
export function oauthPlaces(target: Target): readonly HostRule[] {
  return URLS.map((name) => settingOf(target, name)).flatMap((url) => (url === '' ? [] : [placeOf(url)]))
}

function placeOf(url: string): HostRule {
  const { protocol, hostname, port } = new URL(url)
  const scheme = protocol === 'http:' ? 'http' : 'https'
  return { scheme, host: hostname, port: Number(port) || (scheme === 'https' ? 443 : 80) }
}

function covers(hosts: readonly HostRule[], { scheme, host, port }: HostRule): boolean {
  return hosts.some(
    (rule) =>
      rule.scheme === scheme &&
      rule.port === port &&
      (rule.host === host || (rule.host.startsWith('*.') && host.endsWith(rule.host.slice(1)))),
  )
}

function checkUrl(name: string, text: string, mayBeClear: boolean): void {
  const url = URL.parse(text)
  if (url === null || (url.protocol === 'http:' && !mayBeClear))
    throw invalid(`settings.${name}`, 'takes an https URL; http only into privateNetworks')
}

function one(summary: string, pattern: RegExp, required = false): Setting {
  return { summary, required, isList: false, pattern }
}

function list(summary: string, pattern: RegExp): Setting {
  return { summary, required: false, isList: true, pattern }
}

function invalid(name: string, takes: string): StintError {
  return new StintError('invalid_argument', `${name} ${takes}`)
}
