import { crc32 } from 'node:zlib'
import { base62, bech32Sum } from '../checksum.ts'
import { readClaims, readJson, toJson64 } from '../encoded.ts'
import { beside, following, token } from '../pattern.ts'
import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64, base64url, fake, hex, lower } from '../sample.ts'

/** NetBird's tokens end in the CRC-32 of what follows their prefix, in base 62. */
const netbird = (body: string): string => `nbp_${body}${base62(crc32(body), 6)}`

const AGE = 'age-secret-key-'
const age = (data: string): string => `${AGE}1${data}${bech32Sum(AGE, data)}`.toUpperCase()

/** A private key of X25519 as `wg genkey` makes it: three bits of its first byte and two of its last are set (RFC 7748, section 5). */
const isX25519 = (secret: string): boolean => {
  const bytes = Buffer.from(secret, 'base64')
  const [first = 0, last = 0] = [bytes[0], bytes[31]]
  return bytes.length === 32 && (first & 7) === 0 && last >> 6 === 1
}
const wireguard = (last: number): string => Buffer.from([64, ...Buffer.from(alnum(30)), last]).toString('base64')

const ACCOUNT = /^system:serviceaccount:(?<namespace>[\w.-]{1,63}):(?<account>[\w.-]{1,253})$/
const subjectOf = (jwt: string): Record<string, string> => ({ ...ACCOUNT.exec(String(readClaims(jwt).sub))?.groups })
const serviceAccount = (sub: string): string =>
  [
    toJson64({ alg: 'RS256', kid: alnum(20) }, 'base64url'),
    toJson64({ iss: 'https://kubernetes.default', sub }, 'base64url'),
    base64url(342),
  ].join('.')

const isPrivateKey = (secret: string): boolean => /PRIVATE KEY-----/.test(Buffer.from(secret, 'base64').toString('latin1'))
const pem64 = (name: string): string =>
  Buffer.from(`-----BEGIN ${name}-----\n${base64(1600)}\n-----END ${name}-----\n`).toString('base64')

/** The account of a tunnel token: JSON with an account, a tunnel and a secret. */
function tunnelOf(secret: string): string | undefined {
  const { a: account, t: tunnel, s: key } = readJson(secret) ?? {}
  return typeof account === 'string' && /^[0-9a-f]{32}$/.test(account) && typeof tunnel === 'string' && typeof key === 'string'
    ? account
    : undefined
}

/** Networks, clusters and what is told to machines. */
export const infrastructure = [
  ...rulesOf('Kubernetes', 'https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/', [
    {
      id: 'kubernetes-service-account',
      title: 'token of a service account',
      keywords: ['eyjhbgcioijsuzi1niis'],
      pattern: token('eyJhbGciOiJSUzI1NiIs[0-9A-Za-z_-]{4,200}\\.eyJ[0-9A-Za-z_-]{40,2000}\\.[0-9A-Za-z_-]{256,700}'),
      confidence: 'high',
      reach: { before: 8, after: 3000 },
      check: (secret) => subjectOf(secret).account !== undefined,
      facts: subjectOf,
      samples: () => {
        const one = serviceAccount('system:serviceaccount:ci:deployer')
        return {
          hits: [one, [`token: ${one}\n`, one]],
          misses: [serviceAccount('system:node:a'), serviceAccount('deployer'), `${one}${alnum(400)}`, one.slice(0, -100)],
        }
      },
    },
    {
      id: 'kubernetes-client-key',
      title: 'client key of a kubeconfig',
      source: 'https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/',
      keywords: ['client-key-data'],
      pattern: beside('client-key-data', 'LS0tLS1CRUdJT[0-9A-Za-z+/]{200,6000}={0,2}'),
      confidence: 'high',
      reach: { before: 8, after: 6200 },
      check: isPrivateKey,
      samples: () => ({
        hits: [[`client-key-data: ${pem64('RSA PRIVATE KEY')}\n`, pem64('RSA PRIVATE KEY')]],
        misses: [
          `client-key-data: ${pem64('CERTIFICATE')}`,
          `client-certificate-data: ${pem64('RSA PRIVATE KEY')}`,
          'client-key-data: LS0tLS1CRUdJTiA=',
        ],
      }),
    },
    {
      id: 'kubernetes-bootstrap',
      title: 'bootstrap token',
      source: 'https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/',
      keywords: ['kubeadm join'],
      pattern: following('kubeadm join [^\\n]{1,100}--token[ =]', '[0-9a-z]{6}\\.[0-9a-z]{16}'),
      confidence: 'high',
      samples: () => ({
        hits: [[`kubeadm join 10.0.0.1:6443 --token ${lower(6)}.${lower(16)} --discovery`, `${lower(6)}.${lower(16)}`]],
        misses: [
          `kubeadm join 10.0.0.1:6443 --token ${lower(6)}.${lower(17)}`,
          `kubeadm token create ${lower(6)}.${lower(16)}`,
          'kubeadm join a:6443 --token abcdef.0123456789abcdef',
        ],
      }),
    },
  ]),
  ...rulesOf('K3s', 'https://docs.k3s.io/cli/token', [
    known('k3s-server', 'server token', 'K10<hex 64>::server:<alnum 16-64>', {
      keywords: ['::server:'],
      reach: { before: 80, after: 80 },
    }),
    known('k3s-agent', 'agent token', 'K10<hex 64>::node:<alnum 16-64>', {
      keywords: ['::node:'],
      reach: { before: 80, after: 80 },
    }),
  ]),
  ...rulesOf('age', 'https://age-encryption.org/', [
    {
      id: 'age-identity',
      title: 'identity (X25519)',
      source: 'https://github.com/C2SP/C2SP/blob/main/age.md',
      keywords: [`${AGE}1`],
      pattern: token('AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}'),
      confidence: 'high',
      check: (secret) => secret === age(secret.slice(AGE.length + 1, -6).toLowerCase()),
      samples: () => {
        const one = age(fake('qpzry9x8gf2tvdw0s3jn54khce6mua7l', 52))
        return {
          hits: [one, [`SOPS_AGE_KEY=${one}\n`, one]],
          misses: [one.slice(0, -1), `${one}Q`, one.replace(/.$/, one.endsWith('Q') ? 'P' : 'Q'), one.toLowerCase()],
        }
      },
    },
  ]),
  ...rulesOf('WireGuard', 'https://www.wireguard.com/quickstart/', [
    {
      id: 'wireguard-private-key',
      title: 'private key',
      keywords: ['privatekey', 'private_key', 'private-key'],
      pattern: following('[Pp]rivate[_-]?[Kk]ey["\']?[ \\t]{0,4}[=:][ \\t]{0,4}["\']?', '[0-9A-Za-z+/]{43}='),
      confidence: 'medium',
      check: isX25519,
      samples: () => ({
        hits: [
          [`PrivateKey = ${wireguard(65)}`, wireguard(65)],
          [`"private_key": "${wireguard(127)}"`, wireguard(127)],
        ],
        misses: [
          `PrivateKey = ${wireguard(200)}`,
          `PublicKey = ${wireguard(65)}`,
          `PrivateKey = A${wireguard(65)}`,
          wireguard(65),
        ],
      }),
    },
  ]),
  ...rulesOf('Tailscale', 'https://tailscale.com/kb/1252/key-prefixes', [
    known('tailscale-auth', 'auth key', 'tskey-auth-<alnum 10-20>-<alnum 20-40>'),
    known('tailscale-api', 'API access token', 'tskey-api-<alnum 10-20>-<alnum 20-40>'),
    known('tailscale-client', 'OAuth client secret', 'tskey-client-<alnum 10-20>-<alnum 20-40>'),
    known('tailscale-scim', 'SCIM key', 'tskey-scim-<alnum 10-20>-<alnum 20-40>'),
    known('tailscale-webhook', 'webhook secret', 'tskey-webhook-<alnum 10-20>-<alnum 20-40>'),
  ]),
  ...rulesOf('NetBird', 'https://docs.netbird.io/', [
    known('netbird-pat', 'personal access token', 'nbp_<alnum 36>', {
      check: (secret) => netbird(secret.slice(4, -6)) === secret,
      samples: () => ({
        hits: [netbird(alnum(30)), [`NB_TOKEN=${netbird(alnum(30, 2))}`, netbird(alnum(30, 2))]],
        misses: [`nbp_${alnum(36)}`, netbird(alnum(29)), netbird(alnum(31))],
      }),
    }),
  ]),
  ...rulesOf('ZeroTier', 'https://docs.zerotier.com/', [named('zerotier-api', 'API token', ['zerotier'], '<alnum 32>')]),
  ...rulesOf('ngrok', 'https://ngrok.com/docs/agent/', [
    named('ngrok-authtoken', 'authtoken', ['ngrok'], '<alnum 27>_<alnum 20-22>'),
  ]),
  ...rulesOf('Cloudflare Tunnel', 'https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/', [
    {
      id: 'cloudflare-tunnel',
      title: 'tunnel token',
      keywords: ['eyjhijoi'],
      pattern: token('eyJhIjoi[0-9A-Za-z+/]{100,400}={0,2}'),
      confidence: 'high',
      check: (secret) => tunnelOf(secret) !== undefined,
      facts: (secret) => ({ account: tunnelOf(secret) ?? '' }),
      samples: () => {
        const one = toJson64({ a: hex(32), t: 'b', s: base64(64) })
        return {
          hits: [one, [`cloudflared service install ${one}`, one]],
          misses: [toJson64({ a: hex(31), t: 'b', s: base64(64) }), toJson64({ a: hex(32), b: base64(90) }), one.slice(0, -8)],
        }
      },
    },
  ]),
  ...rulesOf('Pulumi', 'https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/', [
    known('pulumi-access', 'access token', 'pul-<hex 40>'),
  ]),
  ...rulesOf('Prefect', 'https://docs.prefect.io/', [
    known('prefect-user', 'API key', 'pnu_<alnum 36>'),
    known('prefect-service', 'API key of a service account', 'pnb_<alnum 36>'),
  ]),
  ...rulesOf('Octopus Deploy', 'https://octopus.com/docs/octopus-rest-api/how-to-create-an-api-key', [
    named('octopus-api', 'API key', ['octopus'], 'API-<upper 25-31>'),
  ]),
]
