import { isPair, isPassword } from '../password.ts'
import { atWord } from '../pattern.ts'
import type { Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { alnum, base64 } from '../sample.ts'

const pairOf = (seed: number): string => Buffer.from(`deploy:${alnum(16, seed)}`).toString('base64')

const stored = [
  {
    ...{
      id: 'netrc-password',
      title: 'password in .netrc',
      keywords: ['machine '],
      confidence: 'medium' as const,
      check: isPassword,
    },
    pattern: atWord(
      /machine\s{1,8}[0-9A-Za-z.:_-]{3,120}\s{1,20}login\s{1,8}[^\s"']{1,100}\s{1,20}password\s{1,8}(?<secret>[^\s"'\\,]{2,200})/,
    ),
    source: 'https://www.gnu.org/software/inetutils/manual/html_node/The-_002enetrc-file.html',
    samples: () => ({
      hits: [
        [`machine api.acme.dev login deploy password ${alnum(20)}`, alnum(20)],
        [`machine api.acme.dev\n  login deploy\n  password ${alnum(9)}`, alnum(9)],
      ] as const,
      misses: [
        'machine api.acme.dev login deploy password $TOKEN',
        'machine api.acme.dev login deploy',
        'the machine has a login and a password for you',
      ],
    }),
  },
  {
    ...{
      id: 'npmrc-auth',
      title: 'credential in .npmrc',
      keywords: [':_authtoken', ':_password', ':_auth'],
      confidence: 'medium' as const,
      entropy: 2.5,
    },
    pattern: /\/\/[0-9A-Za-z.:_/-]{3,150}:_(?:authToken|password|auth) ?= ?["']?(?<secret>[0-9A-Za-z_.+/=-]{8,400})/,
    source: 'https://docs.npmjs.com/cli/configuring-npm/npmrc',
    reach: { before: 160, after: 420 },
    samples: () => ({
      hits: [
        [`//registry.acme.dev/:_authToken=${alnum(36)}`, alnum(36)],
        [`//registry.acme.dev/npm/:_password="${base64(24)}"`, base64(24)],
      ] as const,
      misses: [
        '//registry.acme.dev/:_authToken=$' + '{NPM_TOKEN}',
        '//registry.acme.dev/:_authToken=',
        `_authToken of ${alnum(36)}`,
        `//registry.acme.dev/:_authToken=${alnum(7)}`,
      ],
    }),
  },
  {
    ...{
      id: 'pypirc-password',
      title: 'password in .pypirc',
      keywords: ['[pypi]', '[testpypi]'],
      confidence: 'medium' as const,
      check: isPassword,
    },
    pattern:
      /\[(?:test)?pypi\]\r?\n(?:[a-z_]{3,20} {0,3}[=:][^\r\n]{0,160}\r?\n){0,4}password {0,3}[=:] {0,3}(?<secret>[^\s"'\\]{2,300})/,
    source: 'https://packaging.python.org/en/latest/specifications/pypirc/',
    samples: () => ({
      hits: [
        [`[pypi]\nusername = deploy\npassword = ${alnum(16)}`, alnum(16)],
        [`[testpypi]\r\nrepository: https://acme.dev\r\npassword: ${alnum(10)}`, alnum(10)],
      ] as const,
      misses: ['[pypi]\nusername = deploy\n', '[pypi]\npassword = <password>', `[acme]\npassword = ${alnum(16)}`],
    }),
  },
  {
    ...{
      id: 'docker-config-auth',
      title: 'user and password in the configuration of Docker',
      keywords: ['"auth"', '"auth\\"'],
      confidence: 'high' as const,
      check: isPair,
    },
    pattern: /"auth\\?"\s{0,4}:\s{0,4}\\?"(?<secret>[0-9A-Za-z+/]{8,2000}={0,2})\\?"/,
    source: 'https://docs.docker.com/reference/cli/docker/login/',
    reach: { before: 8, after: 2100 },
    samples: () => ({
      hits: [
        [`{"auths":{"acme.dev":{"auth":"${pairOf(3)}"}}}`, pairOf(3)],
        [`\\"auth\\": \\"${pairOf(4)}\\"`, pairOf(4)],
      ] as const,
      misses: [
        `{"auth":"${base64(32)}"}`,
        `{"auth":"${Buffer.from('user:password').toString('base64')}"}`,
        `{"author":"${pairOf(3)}"}`,
        '{"auth":"plain"}',
      ],
    }),
  },
]

/** What is checked against, as .htpasswd, /etc/shadow and databases keep it: guessed from, with patience. */
const hash = (id: string, title: string, keywords: readonly string[], body: string, make: (seed: number) => string): Row => ({
  ...{
    id: `password-hash-${id}`,
    title: `hash of a password (${title})`,
    keywords,
    confidence: 'low',
    entropy: 3.5,
    check: () => true,
  },
  pattern: atWord(new RegExp(`(?<!\\$)(?<secret>${body})(?![0-9A-Za-z./])`)),
  samples: () => ({
    hits: [make(1), [`deploy:${make(2)}`, make(2)]],
    misses: [make(1).slice(0, -1), `${make(1)}a`, `x${make(1)}`, make(1).replace('$', '%')],
  }),
})

const B64 = '[0-9A-Za-z./]'
const hashes = rulesOf('crypt', 'https://man7.org/linux/man-pages/man5/crypt.5.html', [
  hash(
    'bcrypt',
    'bcrypt',
    ['$2a$', '$2b$', '$2y$'],
    `\\$2[aby]\\$[0-3][0-9]\\$${B64}{53}`,
    (seed) => `$2y$10$${alnum(53, seed)}`,
  ),
  hash(
    'apr1',
    'MD5 of Apache',
    ['$apr1$'],
    `\\$apr1\\$${B64}{1,8}\\$${B64}{22}`,
    (seed) => `$apr1$${alnum(8, seed)}$${alnum(22, seed + 1)}`,
  ),
  hash(
    'sha512',
    'SHA-512',
    ['$6$'],
    `\\$6\\$(?:rounds=[0-9]{4,9}\\$)?${B64}{1,16}\\$${B64}{86}`,
    (seed) => `$6$${alnum(16, seed)}$${alnum(86, seed + 1)}`,
  ),
  hash(
    'yescrypt',
    'yescrypt',
    ['$y$j'],
    `\\$y\\$j[0-9A-Za-z./]{1,8}\\$${B64}{1,86}\\$${B64}{43}`,
    (seed) => `$y$j9T$${alnum(22, seed)}$${alnum(43, seed + 1)}`,
  ),
  hash(
    'argon2',
    'Argon2',
    ['$argon2'],
    '\\$argon2(?:id|i|d)\\$v=[0-9]{1,3}\\$m=[0-9]{1,9},t=[0-9]{1,4},p=[0-9]{1,3}\\$[0-9A-Za-z+/]{11,64}\\$[0-9A-Za-z+/]{43}',
    (seed) => `$argon2id$v=19$m=65536,t=3,p=4$${alnum(22, seed)}$${alnum(43, seed + 1)}`,
  ),
])

/** Passwords in files of settings, and their hashes. */
export const storedPasswords: readonly Rule[] = [
  ...rulesOf('Settings', 'https://docs.npmjs.com/cli/configuring-npm/npmrc', stored),
  ...hashes,
]
