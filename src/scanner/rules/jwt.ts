import { token } from '../pattern.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { base64url } from '../sample.ts'

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The JSON object of a part, or undefined. It is attacker-controlled. */
function decode(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** A JWS in the compact form that holds claims: whose format it is, its vendor's rule knows. One without a signature is no secret. */
export const jwt: readonly Rule[] = rulesOf('JWT', 'https://www.rfc-editor.org/rfc/rfc7519', [
  {
    ...{ id: 'jwt', title: 'JSON Web Token', keywords: ['eyj'], confidence: 'medium', reach: { before: 8, after: 6000 } },
    pattern: token('eyJ[0-9A-Za-z_-]{12,1500}\\.eyJ[0-9A-Za-z_-]{8,3500}\\.[0-9A-Za-z_-]{40,900}'),
    check: (secret) => {
      const [header = '', claims = ''] = secret.split('.')
      const alg = decode(header)?.alg
      return typeof alg === 'string' && alg.toLowerCase() !== 'none' && decode(claims) !== undefined
    },
    facts: (secret) => {
      const { iss } = decode(secret.split('.')[1] ?? '') ?? {}
      return typeof iss === 'string' ? { issuer: iss.slice(0, 200) } : {}
    },
    samples: () => {
      const claims = encode({ iss: 'https://id.acme.dev', sub: '17', exp: 1_800_000_000 })
      const of = (alg: string, signature = base64url(43)) => `${encode({ alg, typ: 'JWT' })}.${claims}.${signature}`
      return {
        hits: [of('HS256'), [`Authorization: Bearer ${of('RS256', base64url(342))}`, of('RS256', base64url(342))]],
        misses: [
          of('none'),
          of('HS256', base64url(20)),
          `${encode({ typ: 'JWT' })}.${claims}.${base64url(43)}`,
          `eyJ${base64url(40)}.${claims}.${base64url(43)}`,
          `x${of('HS256')}`,
        ],
      }
    },
  },
])
