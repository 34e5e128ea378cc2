import { isRandom } from '../random.ts'
import type { Rule } from '../rule.ts'
import { alnum, hex } from '../sample.ts'

/** Words in the names of what is secret. */
const WORDS = [
  'password',
  'passwd',
  'secret',
  'token',
  'api_key',
  'api-key',
  'apikey',
  'access_key',
  'access-key',
  'accesskey',
  'private_key',
  'auth_key',
]
/** What such a name ends in when it names something about a secret, or something public. */
const ABOUT =
  'ids?|names?|types?|urls?|uris?|paths?|files?|fields?|labels?|lengths?|len|sizes?|counts?|limits?|expir\\w*|ttl|hash(?:es)?|digests?|checksums?|polic\\w+|arns?|refs?|versions?|headers?|prefix|suffix|regex|patterns?|selectors?|class(?:es)?|placeholders?|errors?|messages?|index|address\\w*|endpoints?|issuers?|kinds?|states?|status|aliases|alias'

const NAME = '(?i:password|passwd|secret|token|api[_-]?key|access[_-]?key|private_key|auth_key)'
const ABOUT_NAME = `(?![A-Za-z0-9_.-]{0,30}(?i:${ABOUT})['"\`\\]]{0,2}[ \\t]{0,6}[:=])`
const SIGN = `['"\`\\]]{0,2}[ \\t]{0,6}(?:=>|:=|=|:)[ \\t]{0,4}`
const QUOTED = `["'\`](?<secret>[^\\s"'\`]{10,150})["'\`]`
/** To the end of the word; what goes on like an expression is none. */
const BARE = `(?<secret>[^\\s"'\`()\\[\\]{}<>,;|&$\\\\]{10,150})(?![^\\s,;"'\\\\])`

const password = `${alnum(6)}!${alnum(6, 2)}4`

/** What its name says to be secret, and looks random. The vendor is not known. */
export const generic: readonly Rule[] = [
  {
    id: 'generic-assignment',
    provider: 'Generic',
    title: 'secret by the name it is given',
    keywords: WORDS,
    pattern: new RegExp(`${NAME}${ABOUT_NAME}[A-Za-z0-9_.-]{0,30}${SIGN}(?:${QUOTED}|${BARE})`),
    confidence: 'low',
    reach: { before: 2, after: 220 },
    check: isRandom,
    source: 'https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html',
    samples: () => ({
      hits: [
        [`DB_PASSWORD=${password}`, password],
        [`"clientSecret": "${alnum(40)}"`, alnum(40)],
        [`  session_secret: '${hex(64)}'`, hex(64)],
        [`const apiKey = \`${alnum(32)}\``, alnum(32)],
        [`API_TOKEN => "${alnum(24)}"`, alnum(24)],
      ],
      misses: [
        ...[`tokenId: '${alnum(24)}'`, `"password_hash": "${hex(64)}"`, `SECRET_NAME=${alnum(20)}`, `token_url: "${alnum(20)}"`],
        ...[`const token = getToken(request)`, `password = process.env.DB_PASSWORD1`, `secret: config.get('a1b2c3d4e5')`],
        ...[
          `token: "oauth2_client_credentials"`,
          `PASSWORD=\${DB_PASSWORD_2}`,
          `password: "Enter your password"`,
          'secret = sha256WithRSAEncryption',
        ],
        ...[
          `token = 123456789012`,
          `apiKey: '/etc/keys/a1b2C3d4.pem'`,
          'secretKey: Uint8Array)',
          'this.token = exports.id_pkcs9_at',
          `TOKEN = "x-aws-ec2-metadata-token"`,
          `secret: 'f47ac10b-58cc-4372-a567-0e02b2c3d479'`,
          `DB_PASSWORD=hunter2`,
        ],
      ],
    }),
  },
]
