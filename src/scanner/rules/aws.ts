import { entropyOf, isStandIn } from '../likeness.ts'
import { sourceOf } from '../look.ts'
import { beside, token } from '../pattern.ts'
import { known } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { base32, base64, hex } from '../sample.ts'

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const ACCOUNTS = 1_000_000_000_000n

/**
 * The account that a key is of: bits 1 to 40 of what stands after the first four letters, where bit 0 is set. Keys of before 2019 do not
 * say it.
 */
export function accountOf(id: string): string | undefined {
  const bits = [...id.slice(4)].reduce((sum, letter) => sum * 32n + BigInt(BASE32.indexOf(letter)), 0n)
  const account = (bits >> 39n) & 0xff_ffff_ffffn
  return bits >> 79n === 1n && account < ACCOUNTS ? String(account).padStart(12, '0') : undefined
}

const keyId = (prefix: string, id: string, title: string) =>
  known(id, title, `${prefix}<base32 16>`, {
    check: (secret) => !isStandIn(secret),
    facts: (secret) => {
      const account = accountOf(secret)
      return account === undefined ? {} : { account }
    },
    samples: () => ({
      hits: [`${prefix}Q${base32(15)}`, [`aws_access_key_id = ${prefix}I${base32(15)}\n`, `${prefix}I${base32(15)}`]],
      misses: [`${prefix}${base32(15)}`, `${prefix}${base32(17)}`, `${prefix}${base32(9)}EXAMPLE`, `${prefix}1${base32(15)}`],
    }),
  })

/** What a long-term Bedrock key says in base 64: whose it is, a colon, and random bytes. */
const BEDROCK = /^BedrockAPIKey-[\w+=,.@-]{1,64}:/
const bedrock = (name: string) =>
  `ABSK${Buffer.from(`${name}:${base64(44)}`)
    .toString('base64')
    .replace(/=+$/, '')}`
const open = (secret: string) => Buffer.from(secret.slice(4), 'base64').toString('latin1')

/** A link signed for a few hours, in base 64. */
const SIGNED = 'bedrock.amazonaws.com/?Action=CallWithBearerToken'
const shortTerm = (link: string) => `bedrock-api-key-${Buffer.from(link).toString('base64').replace(/=+$/, '')}`

/** Keys of Amazon Web Services. */
export const aws = rulesOf('AWS', 'https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html', [
  keyId('AKIA', 'aws-access-key-id', 'access key ID'),
  keyId('ASIA', 'aws-temporary-key-id', 'access key ID of temporary credentials'),
  {
    id: 'aws-secret-access-key',
    title: 'secret access key',
    source: 'https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html',
    keywords: ['secret_access_key', 'secretaccesskey', 'secret-access-key', 'secret access key', 'aws_secret'],
    pattern: beside('secret[_ -]?access[_ -]?key|aws_secret', sourceOf('<base64 40>')),
    confidence: 'high',
    check: (secret) => !isStandIn(secret) && entropyOf(secret) > 4,
    samples: () => ({
      hits: [
        [`AWS_SECRET_ACCESS_KEY=${base64(40)}`, base64(40)],
        [`"SecretAccessKey": "${base64(40, 2)}"`, base64(40, 2)],
        [`aws_secret = '${base64(40, 3)}'`, base64(40, 3)],
      ],
      misses: [
        base64(40),
        `AWS_SECRET_ACCESS_KEY=${base64(39)}`,
        `AWS_SECRET_ACCESS_KEY=${base64(41)}`,
        `aws_secret=${'ab/'.repeat(13)}c`,
      ],
    }),
  },
  {
    id: 'aws-session-token',
    title: 'session token',
    keywords: ['iqojb3jpz2lux2vj'],
    pattern: token('IQoJb3JpZ2luX2Vj[0-9A-Za-z+/]{100,1600}={0,2}'),
    confidence: 'high',
    reach: { before: 8, after: 1700 },
    samples: () => ({
      hits: [
        `IQoJb3JpZ2luX2Vj${base64(400)}`,
        [`aws_session_token=IQoJb3JpZ2luX2Vj${base64(301)}==`, `IQoJb3JpZ2luX2Vj${base64(301)}==`],
      ],
      misses: [`IQoJb3JpZ2luX2Vj${base64(99)}`, `IQoJb3JpZ2luX2Vk${base64(400)}`, `IQoJb3JpZ2luX2Vj${'x'.repeat(400)}`],
    }),
  },
  {
    id: 'aws-bedrock-api-key',
    title: 'Bedrock API key (long-term)',
    source: 'https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html',
    keywords: ['abskqmvkcm9ja0fqsutles'],
    pattern: token('ABSK[0-9A-Za-z+/]{70,300}={0,2}'),
    confidence: 'high',
    check: (secret) => BEDROCK.test(open(secret)),
    facts: (secret): Readonly<Record<string, string>> => {
      const [, account] = /-at-(\d{12}):/.exec(open(secret)) ?? []
      return account === undefined ? {} : { account }
    },
    samples: () => ({
      hits: [
        bedrock(`BedrockAPIKey-${hex(4)}-at-112233445566`),
        [`KEY=${bedrock('BedrockAPIKey-me')}\n`, bedrock('BedrockAPIKey-me')],
      ],
      misses: [bedrock('BedrockAPIKeys-me'), bedrock(`BedrockAPIKey-${'x'.repeat(70)}`), `ABSK${base64(120)}`],
    }),
  },
  {
    id: 'aws-bedrock-api-key-short-term',
    title: 'Bedrock API key (short-term)',
    source: 'https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html',
    keywords: ['bedrock-api-key-'],
    pattern: token('bedrock-api-key-[0-9A-Za-z+/]{100,3000}={0,2}'),
    confidence: 'high',
    reach: { before: 8, after: 3100 },
    check: (secret) => Buffer.from(secret.slice(16), 'base64').toString('latin1').startsWith(SIGNED),
    samples: () => ({
      hits: [
        shortTerm(`${SIGNED}&X-Amz-Signature=${hex(64)}`),
        [`KEY="${shortTerm(`${SIGNED}&X=${hex(70)}`)}"`, shortTerm(`${SIGNED}&X=${hex(70)}`)],
      ],
      misses: [shortTerm(`example.org/?Action=${hex(90)}`), `bedrock-api-key-${base64(200)}`, 'bedrock-api-key-name'],
    }),
  },
])
