import { isStandIn } from '../likeness.ts'
import { isPassword } from '../password.ts'
import { isNamed, isRandom, UUID } from '../random.ts'

/** What a name says of its value: a password as people think it up, a key as machines make it, a guess, nothing, or that it is none. */
type Hint = 'password' | 'key' | 'maybe' | 'unknown' | 'public'

const PASSWORD = /^(?:db)?(?:pass|passwd|password|passphrase|passcode|pwd|pw|pswd)$|(?:password|passwd|passphrase)$/
const KEY =
  /^(?:secrets?|tokens?|keys?|credentials?|creds|authorization|bearer|pat|jwt)$|(?:secret|token|apikey|accesskey|secretkey|privatekey)$/
const MAYBE = /^(?:auth|cookie|session|sid|sig|signature|code|seed|mnemonic|salt|pin|dsn|webhook)$/
/** What such a name ends in when it names something about a secret. */
const ABOUT =
  /^(?:ids?|names?|user(?:name)?|emails?|types?|kinds?|ur[li]s?|hosts?|hostname|ports?|paths?|files?|filename|dirs?|directory|folder|regions?|zone|modes?|levels?|providers?|versions?|models?|formats?|methods?|schemes?|scopes?|issuer|audience|domains?|endpoints?|prefix|suffix|length|size|ttl|expir\w*|timeout|interval|limit|count|max|min|enabled?|disabled?|required|alg\w*|env|var|variable|headers?|label|title|description|command|cmd|server|account|project|org|organization|workspace|database|table|bucket|queue|topic|namespace|cluster|profile|roles?|polic\w+|status|state|store|storage|backend|cache|location|field|pattern|regex)$/
const PUBLIC = /^(?:public|publishable|max|min|limit|budget|tokenizer|keyboard)$/

function hintOf(name: string): Hint {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !/^\d+$/.test(word))
  if (ABOUT.test(words.at(-1) ?? '') || words.some((word) => PUBLIC.test(word))) return 'public'
  if (words.some((word) => PASSWORD.test(word))) return 'password'
  if (words.some((word) => KEY.test(word))) return 'key'
  return words.some((word) => MAYBE.test(word)) ? 'maybe' : 'unknown'
}

/** A reference to where the secret is, or what stands there until it is put in. */
const REFERENCE = new RegExp(
  [
    '^\\$[\\w{(]|\\$\\{|^%\\w+%$|\\{\\{|^<[^>]*>$|^\\[[^\\]]*\\]$|^\\{[^}]*\\}$', // ${VAR}, ${env:VAR}, ${input:key}, $VAR, %VAR%, <your-key>
    '^[a-z][a-z0-9+.-]*://|^(?:env|file|vault|keychain|secret|ssm|op):', // op://vault/item/field
    '^(?:~|\\.{1,2})?[/\\\\][a-z._-]+\\d{0,3}(?:[/\\\\]|$)|^[a-z]:[/\\\\]', // a path
    '^(?:your|my|the|some|an?|enter|insert|put|add|paste|set|use|get|fill|replace)(?:[-_ ]|$)|(?:^|[-_ ])(?:here|goes|value|todo|tbd)$',
    '\\.\\.\\.|^x+$|^(?:abc|xyz|foo|test|key|token|secret|api|sk)[-_]?(?:\\d|abc|def|xyz){0,9}$',
    '^(?:true|false|yes|no|on|off|null|none|undefined|auto|default)$|^\\d{1,6}$',
  ].join('|'),
  'i',
)
const FAKE = /^(?:fake|mock|test|demo|dev|local|sample|secret|token|key)[-_.]/i
const VARIABLE = /^[A-Z][A-Z]*(?:_[A-Z]+){1,}\d?$/

/** True for a value that its name says to be a secret, or that can hardly be anything else. Attacker-controlled. */
export function isCredential(name: string, value: string): boolean {
  if (value.length < 6 || value.length > 4096 || /\s/.test(value) || isStandIn(value)) return false
  if (REFERENCE.test(value) || VARIABLE.test(value) || (FAKE.test(value) && !isRandom(value))) return false
  const hint = hintOf(name)
  if (hint === 'public') return false
  if (hint === 'password') return isPassword(value)
  if (hint === 'key') return isMachineMade(value)
  if (hint === 'maybe') return value.length >= 12 && isRandom(value)
  return /^[\w+=.-]{24,}$/.test(value) && /[a-z]/.test(value) && /[A-Z]/.test(value) && isRandom(value)
}

/** A key is no word, no name and no number that people write. */
function isMachineMade(value: string): boolean {
  if (UUID.test(value) || /^\d{16,}$/.test(value)) return true
  const isMixed = /[a-z]/.test(value) && /[A-Z]/.test(value) && value.length >= 20
  return value.length >= 8 && (isMixed || (/\d/.test(value) && /[A-Za-z]/.test(value))) && !isNamed(value)
}

/** The secrets in an address: parameters, a user that is a token, a step of its path that only who was told knows. A password in it is a rule's. */
export function* secretsInUrl(url: string): Generator<string> {
  for (const [, name = '', value = ''] of url.matchAll(/[?&#;]([\w.-]{1,60})=([^&#;\s]{1,4096})/g))
    if (isCredential(name === 'key' || name === 'k' ? 'api_key' : name, value)) yield value
  const [, user = '', path = ''] = /^[a-z][a-z0-9+.-]*:\/\/(?:([^/@:?#\s]{1,500})@)?[^/?#\s]*([^?#\s]*)/i.exec(url) ?? []
  if (user.length >= 16 && isCredential('token', user)) yield user
  for (const step of path.split('/')) if (step.length >= 24 && !step.includes('.') && isCredential('', step)) yield step
}
