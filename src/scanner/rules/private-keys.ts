import { token } from '../pattern.ts'
import type { Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { base64, base64url, digits, hex } from '../sample.ts'

/** Text up to five dashes: also the headers of RFC 1421, which have single ones. Enough for RSA with 8192 bits, written in a string. */
const BODY = '[^-]{1,9000}(?:-(?!----)[^-]{0,9000}){0,12}'
const REACH = { before: 48, after: 12_000 }

/** What is between the two lines, decoded: of strings in source too, where lines end in `\n` and are joined by `+`. */
function bytesOf(block: string): Buffer {
  const body = block.slice(block.indexOf('-----', 5) + 5, block.lastIndexOf('-----END'))
  const lines = body.replace(/\\+[nrt]/g, '\n').split('\n')
  const text = lines
    .filter((line) => !/^[\s"'#*]*[A-Za-z-]{3,20}: /.test(line) && !/^\s*=[0-9A-Za-z+/]{4}\s*$/.test(line))
    .join('\n')
  return Buffer.from(text.replace(/["'`]\s*[+.,]?\s*["'`]?/g, '').replace(/[^0-9A-Za-z+/=]/g, ''), 'base64')
}

/** A SEQUENCE that is as long as it says (X.690, 8.1.3), as RFC 5958, RFC 8017 and RFC 5915 have it. */
function isSequence(bytes: Buffer): boolean {
  if (bytes[0] !== 0x30) return false
  const [, first = 0] = bytes
  if (first < 0x80) return bytes.length === 2 + first
  const width = first - 0x80
  return width <= 3 && bytes.length > 2 + width && bytes.length === 2 + width + bytes.readUIntBE(2, width)
}

/** The cipher that an OpenSSH key is sealed with (PROTOCOL.key), `none` for one that is not; undefined for what is no such key. */
function cipherOf(bytes: Buffer): string | undefined {
  const magic = 'openssh-key-v1\0'
  if (bytes.length < 80 || bytes.toString('latin1', 0, magic.length) !== magic) return undefined
  return bytes.toString('latin1', magic.length + 4, magic.length + 4 + Math.min(32, bytes.readUInt32BE(magic.length)))
}

const isHeadedEncrypted = (block: string): boolean => /Proc-Type: 4,ENCRYPTED/.test(block)

function block(label: string, bytes: Buffer, headers = ''): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...(headers === '' ? [] : [headers, '']), ...lines, `-----END ${label}-----`].join('\n')
}

function sequence(length: number, seed = 1): Buffer {
  return Buffer.concat([Buffer.from([0x30, 0x82, length >> 8, length & 255]), Buffer.from(hex(length * 2, seed), 'hex')])
}

function openssh(cipher: string): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(cipher.length)
  return Buffer.concat([Buffer.from('openssh-key-v1\0'), size, Buffer.from(cipher), Buffer.from(hex(400), 'hex')])
}

const pem = (row: Pick<Row, 'id' | 'title' | 'confidence' | 'check' | 'samples'> & { readonly label: string }): Row => {
  const { label, ...rest } = row
  return {
    ...rest,
    keywords: [label.endsWith('BLOCK') ? 'private key block-----' : 'private key-----'],
    pattern: new RegExp(`-----BEGIN ${label}-----${BODY}-----END ${label}-----`),
    reach: REACH,
  }
}

const PLAIN = '(?:RSA |EC |DSA )?PRIVATE KEY'
const DEK = 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF'

const textual = [
  pem({
    ...{ id: 'private-key-pem', title: 'private key', confidence: 'high', label: PLAIN },
    check: (secret) => !isHeadedEncrypted(secret) && isSequence(bytesOf(secret)),
    samples: () => {
      const [plain, rsa] = [block('PRIVATE KEY', sequence(300)), block('RSA PRIVATE KEY', sequence(1190, 2))]
      const inSource = plain.replaceAll('\n', '\\n')
      const joined = plain.split('\n').join('\\n" +\n  "')
      return {
        hits: [plain, rsa, [`{"private_key": "${inSource}\\n"}`, inSource], [`k = "${joined}"`, joined]],
        misses: [
          block('PRIVATE KEY', sequence(300).subarray(0, 200)),
          block('PUBLIC KEY', sequence(300)),
          block('RSA PRIVATE KEY', sequence(300), DEK),
          plain.split('\n').slice(0, -1).join('\n'),
          `-----BEGIN PRIVATE KEY-----\n${'.'.repeat(80)}\n-----END PRIVATE KEY-----`,
        ],
      }
    },
  }),
  pem({
    ...{ id: 'private-key-openssh', title: 'private key (OpenSSH)', confidence: 'high', label: 'OPENSSH PRIVATE KEY' },
    check: (secret) => cipherOf(bytesOf(secret)) === 'none',
    samples: () => ({
      hits: [
        block('OPENSSH PRIVATE KEY', openssh('none')),
        [`key: |\n  ${block('OPENSSH PRIVATE KEY', openssh('none'))}`, block('OPENSSH PRIVATE KEY', openssh('none'))],
      ],
      misses: [
        block('OPENSSH PRIVATE KEY', openssh('aes256-ctr')),
        block('OPENSSH PRIVATE KEY', sequence(300)),
        block('OPENSSH PUBLIC KEY', openssh('none')),
      ],
    }),
  }),
  pem({
    ...{
      id: 'private-key-openssh-encrypted',
      title: 'private key (OpenSSH, with a passphrase)',
      confidence: 'low',
      label: 'OPENSSH PRIVATE KEY',
    },
    check: (secret) => !['none', undefined].includes(cipherOf(bytesOf(secret))),
    samples: () => ({
      hits: [block('OPENSSH PRIVATE KEY', openssh('aes256-ctr'))],
      misses: [block('OPENSSH PRIVATE KEY', openssh('none')), block('OPENSSH PRIVATE KEY', sequence(300))],
    }),
  }),
  pem({
    ...{
      id: 'private-key-encrypted',
      title: 'private key (with a passphrase)',
      confidence: 'low',
      label: '(?:RSA |EC |DSA |ENCRYPTED )?PRIVATE KEY',
    },
    check: (secret) => isHeadedEncrypted(secret) || (secret.startsWith('-----BEGIN ENCRYPTED') && isSequence(bytesOf(secret))),
    samples: () => ({
      hits: [block('ENCRYPTED PRIVATE KEY', sequence(400)), block('RSA PRIVATE KEY', sequence(400), DEK)],
      misses: [
        block('PRIVATE KEY', sequence(400)),
        block('ENCRYPTED PRIVATE KEY', sequence(400).subarray(0, 300)),
        block('ENCRYPTED KEY', sequence(400)),
      ],
    }),
  }),
]

/** A packet of tag 5, a secret key, in the old or the new way (RFC 9580, 4.2). */
const pgp = pem({
  ...{ id: 'private-key-pgp', title: 'OpenPGP private key', confidence: 'medium', label: 'PGP PRIVATE KEY BLOCK' },
  check: (secret) => {
    const [first = 0] = bytesOf(secret)
    return first === 0xc5 || (first >= 0x94 && first <= 0x97)
  },
  samples: () => {
    const of = (tag: number, label = 'PGP PRIVATE KEY BLOCK') =>
      block(label, Buffer.concat([Buffer.from([tag]), sequence(500)]), 'Version: GnuPG v2')
    return { hits: [of(0x95), of(0xc5)], misses: [of(0x99), of(0x95, 'PGP PUBLIC KEY BLOCK'), of(0x95).slice(0, -8)] }
  },
})

/** The file of PuTTYgen: it says whether there is a passphrase. */
const putty = (id: string, title: string, encryption: string, confidence: 'high' | 'low'): Row => ({
  ...{ id, title, keywords: ['putty-user-key-file-'], confidence, reach: { before: 8, after: 9000 } },
  pattern: new RegExp(
    `PuTTY-User-Key-File-[23]: [a-z0-9-]{5,30}\\s{1,2}Encryption: ${encryption}\\s{1,2}[^\\0]{100,8000}?Private-MAC: [0-9a-f]{40,64}`,
  ),
  check: (secret) => /Private-Lines: [0-9]{1,3}\s+[0-9A-Za-z+/]{20}/.test(secret),
  samples: () => {
    const of = (cipher: string) =>
      [
        'PuTTY-User-Key-File-3: ssh-ed25519',
        `Encryption: ${cipher}`,
        'Comment: a',
        'Public-Lines: 2',
        base64(64),
        base64(20),
        'Private-Lines: 1',
        base64(48),
        `Private-MAC: ${hex(64)}`,
      ].join('\r\n')
    const [mine, other] = encryption === 'none' ? ['none', 'aes256-cbc'] : ['aes256-cbc', 'none']
    return { hits: [of(mine)], misses: [of(other), of(mine).replace('Private-Lines: 1', ''), of(mine).slice(0, -80)] }
  },
})

/** A PEM file in base 64 once more, as kubeconfigs and Secrets of Kubernetes have it. */
const encoded: Row = {
  ...{
    id: 'private-key-base64',
    title: 'private key in base 64',
    keywords: ['ls0tls1crudjtib'],
    confidence: 'high',
    reach: { before: 8, after: 12_000 },
  },
  pattern: token('LS0tLS1CRUdJTiB[0-9A-Za-z+/]{100,11000}={0,2}'),
  check: (secret) => /^-----BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY/.test(Buffer.from(secret, 'base64').toString('latin1')),
  samples: () => {
    const of = (label: string) => Buffer.from(block(label, sequence(300))).toString('base64')
    return {
      hits: [of('PRIVATE KEY'), [`    client-key-data: ${of('EC PRIVATE KEY')}`, of('EC PRIVATE KEY')]],
      misses: [of('CERTIFICATE'), of('PUBLIC KEY'), of('PRIVATE KEY').slice(0, 90), `x${of('PRIVATE KEY')}`],
    }
  },
}

/** The private member of a key (RFC 7518, 6.2.2 and 6.3.2): 32 bytes and more. */
const jwk: Row = {
  ...{ id: 'private-key-jwk', title: 'private member of a JWK', keywords: ['"d":', '"d" :'], confidence: 'medium', entropy: 4 },
  pattern: /"d" ?:\s{0,8}"(?<secret>[0-9A-Za-z_-]{43,700})"/,
  reach: { before: 8, after: 720 },
  samples: () => ({
    hits: [
      [`{"kty":"OKP","crv":"Ed25519","d":"${base64url(43)}"}`, base64url(43)],
      [`"d": "${base64url(342)}",`, base64url(342)],
    ],
    misses: [`"d":"${base64url(42)}"`, `"x":"${base64url(43)}"`, `"d":"${'AB'.repeat(40)}"`, `"d":${digits(50)}`],
  }),
}

/** Keys that are nobody's vendor's. */
export const privateKeys: readonly Rule[] = [
  ...rulesOf('PEM', 'https://www.rfc-editor.org/rfc/rfc7468', [...textual, encoded]),
  ...rulesOf('OpenPGP', 'https://www.rfc-editor.org/rfc/rfc9580', [pgp]),
  ...rulesOf('PuTTY', 'https://the.earth.li/~sgtatham/putty/latest/htmldoc/AppendixC.html', [
    putty('putty-private-key', 'private key (PuTTY)', 'none', 'high'),
    putty('putty-private-key-encrypted', 'private key (PuTTY, with a passphrase)', 'aes256-cbc', 'low'),
  ]),
  ...rulesOf('JOSE', 'https://www.rfc-editor.org/rfc/rfc7518', [jwk]),
  ...rulesOf('OATH', 'https://github.com/google/google-authenticator/wiki/Key-Uri-Format', [
    {
      ...{ id: 'otpauth-secret', title: 'secret of one-time passwords', keywords: ['otpauth://'], confidence: 'high' },
      pattern:
        /otpauth:\/\/[th]otp\/[^\s"'?]{0,120}\?(?:[a-z]{3,12}=[^\s"'&]{0,60}&){0,6}secret=(?<secret>[A-Za-z2-7]{16,128})={0,6}(?![0-9A-Za-z])/,
      samples: () => {
        const secret = base64(32)
          .toUpperCase()
          .replace(/[^A-Z]/g, 'Q')
        return {
          hits: [
            [`otpauth://totp/Acme:me?secret=${secret}&issuer=Acme`, secret],
            [`otpauth://hotp/me?issuer=Acme&secret=${secret}`, secret],
          ],
          misses: [
            `otpauth://totp/me?secret=${secret.slice(0, 15)}`,
            `otpauth://totp/me?secret=${secret}1`,
            `otpauth://totp/me?issuer=${secret}`,
          ],
        }
      },
    },
  ]),
]
