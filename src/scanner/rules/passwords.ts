import { isStandIn } from '../likeness.ts'
import { isPair, isPassword } from '../password.ts'
import { atWord } from '../pattern.ts'
import type { Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { alnum, base64, hex } from '../sample.ts'

const pairOf = (seed: number): string => Buffer.from(`deploy:${alnum(16, seed)}`).toString('base64')

const SCHEMES =
  'postgres(?:ql)?|mysql|mariadb|mongodb(?:\\+srv)?|rediss?|amqps?|mssql|sqlserver|clickhouse|couchdb|cockroachdb|neo4j|bolt|nats|mqtts?|ldaps?|smtps?|imaps?|s?ftps?|ssh|influxdb|kafka|rabbitmq'
const SCHEME_KEYWORDS =
  'sql postgres mariadb redis rediss amqp amqps sqlserver clickhouse couchdb cockroachdb neo4j bolt nats mqtt mqtts ldap ldaps smtp smtps imap imaps ftp ftps ssh influxdb kafka rabbitmq'
    .split(' ')
    .map((scheme) => `${scheme}://`)
    .concat('mongodb', 'psycopg', 'pymysql', 'asyncpg', 'mysqldb')

/**
 * Who, a password that is not the same, and a host: of `${VAR}` and of a password that is empty nothing is found. It may begin within a
 * word, as in `jdbc:postgresql://`: a pattern that begins with plain text is tried far faster, and addresses are everywhere.
 */
const address = (id: string, title: string, scheme: string, keywords: readonly string[], like: string): Row => ({
  ...{ id, title, keywords, confidence: 'medium', reach: { before: 24, after: 220 } },
  pattern: new RegExp(
    `(?:${scheme})://(?<user>[^\\s:/@"'\`<>{}\\\\]{0,60}):(?!\\k<user>@)(?<secret>[^\\s/@"'\`<>{}\\\\]{2,100})@[0-9A-Za-z_[{$<]`,
  ),
  check: isPassword,
  samples: () => ({
    hits: [
      [`${like}://app:${alnum(14)}@db.internal/app`, alnum(14)],
      [`URL=${like}://app:s3c%40t${alnum(3)}@10.0.0.1:5432`, `s3c%40t${alnum(3)}`],
    ],
    misses: [
      ...['', 'x', 'password', '$' + '{DB_PASSWORD}', '$DB_PASSWORD', '<password>', 'app', '%s', '[password]', '********'].map(
        (one) => `${like}://app:${one}@db`,
      ),
      `${like}://app@db/${alnum(14)}`,
      `${like}://db:5432/@${alnum(14)}`,
      `${like}//app:${alnum(14)}@db`,
    ],
  }),
})

const addresses = rulesOf('URI', 'https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1', [
  address(
    'password-in-address',
    'password in the address of a database or broker',
    `(?:${SCHEMES})(?:\\+[a-z0-9]{2,12})?`,
    SCHEME_KEYWORDS,
    'postgres',
  ),
  address(
    'password-in-http-address',
    'password in an address of HTTP',
    'https?|wss?',
    ['http://', 'https://', 'wss://', 'ws://'],
    'https',
  ),
])

const basic: Row = {
  ...{ id: 'http-basic', title: 'user and password in a header', keywords: ['authorization'], confidence: 'high' },
  pattern:
    /(?i:authorization)['"`\]]{0,2}\s{0,3}[:=,]?\s{0,3}['"`(]{0,2}(?i:basic) {1,2}(?<secret>[0-9A-Za-z+/]{8,400}={0,2})(?![0-9A-Za-z+/=])/,
  check: isPair,
  samples: () => ({
    hits: [
      [`Authorization: Basic ${pairOf(1)}`, pairOf(1)],
      [`headers['Authorization'] = 'Basic ${pairOf(2)}'`, pairOf(2)],
    ],
    misses: [
      `Authorization: Basic ${base64(32)}`,
      `Authorization: Basic ${Buffer.from('user:password').toString('base64')}`,
      `Authorization: Basic ${Buffer.from('user:').toString('base64')}`,
      `Authorization: Bearer ${pairOf(1)}`,
    ],
  }),
}

/** RFC 6750, section 2.1. What has a format of its own is known better by that. */
const bearer: Row = {
  ...{ id: 'http-bearer', title: 'bearer token in a header', keywords: ['authorization'], confidence: 'low', entropy: 3.2 },
  pattern:
    /(?i:authorization)['"`\]]{0,2}\s{0,3}[:=,]?\s{0,3}['"`(]{0,2}(?i:bearer|token) {1,2}(?<secret>[0-9A-Za-z._~+/-]{20,300}={0,2})(?![0-9A-Za-z._~+/=-])/,
  check: (secret) =>
    !isStandIn(secret) &&
    /[0-9]/.test(secret) &&
    /[A-Za-z]/.test(secret) &&
    !/^[a-z]+(?:[._-][a-z0-9]+)+$/i.test(secret.slice(0, 24)),
  samples: () => ({
    hits: [
      [`Authorization: Bearer ${hex(40)}`, hex(40)],
      [`"Authorization": "Bearer ${alnum(32)}"`, alnum(32)],
    ],
    misses: [
      `Authorization: Bearer ${hex(19)}`,
      'Authorization: Bearer your-very-secret-token-1',
      'Authorization: Bearer some.access.token.of.mine1',
      `Bearer ${hex(40)}`,
    ],
  }),
}

const shell = (id: string, title: string, keyword: string, pattern: RegExp, line: (password: string) => string): Row => ({
  ...{ id, title, keywords: [keyword], confidence: 'medium', pattern: atWord(pattern), check: isPassword },
  samples: () => ({
    hits: [
      [line(alnum(12)), alnum(12)],
      [line(`'${alnum(9)}!'`).replace(/([a-z]+:)'/, "'$1"), `${alnum(9)}!`],
    ],
    misses: ['$PASSWORD', '$' + '{PASSWORD}', 'password', '<password>', '$(pass show x)']
      .map(line)
      .concat(line('').trimEnd(), `x${line(alnum(12))}`),
  }),
})

const commands = [
  shell(
    'curl-user',
    'user and password of curl',
    'curl ',
    /curl [^\r\n|;]{0,200}?(?:-u|--user)[ =]{0,2}['"]?[^\s:'"$]{1,80}:(?<secret>[^\s'"`\\]{2,120})/,
    (password) => `curl -s -u deploy:${password}`,
  ),
  shell(
    'sshpass-password',
    'password of sshpass',
    'sshpass',
    /sshpass {1,3}-p {0,3}['"]?(?<secret>[^\s'"`\\]{2,120})/,
    (password) => `sshpass -p ${password}`,
  ),
]

/** Passwords in addresses, headers and commands. */
export const passwords: readonly Rule[] = [
  ...addresses,
  ...rulesOf('HTTP', 'https://www.rfc-editor.org/rfc/rfc9110#section-11', [basic, bearer]),
  ...rulesOf('Shell', 'https://curl.se/docs/manpage.html', commands),
]
