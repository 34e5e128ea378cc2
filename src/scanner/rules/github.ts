import { crc32 } from 'node:zlib'
import { base62 } from '../checksum.ts'
import { token } from '../pattern.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64url, digits } from '../sample.ts'

/** The last six characters are the CRC-32 of what follows the prefix, in base 62. */
function isChecked(secret: string): boolean {
  const body = secret.slice(secret.indexOf('_') + 1)
  return base62(crc32(body.slice(0, -6)), 6) === body.slice(-6)
}

function classic(prefix: string): string {
  const body = alnum(30)
  return `${prefix}_${body}${base62(crc32(body), 6)}`
}

const row = (prefix: string, id: string, title: string) => ({
  id,
  title,
  keywords: [`${prefix}_`],
  pattern: token(`${prefix}_[0-9A-Za-z]{36}`),
  confidence: 'high' as const,
  check: isChecked,
  samples: () => ({
    hits: [classic(prefix), [`GITHUB_TOKEN="${classic(prefix)}"`, classic(prefix)] as const],
    misses: [`${prefix}_${alnum(36)}`, classic(prefix).slice(0, -1), `x${classic(prefix)}`],
  }),
})

/** GitHub's tokens. */
export const github = rulesOf(
  'GitHub',
  'https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github',
  [
    row('ghp', 'github-pat', 'personal access token (classic)'),
    row('gho', 'github-oauth', 'OAuth access token'),
    row('ghu', 'github-user-to-server', 'user access token of a GitHub App'),
    row('ghs', 'github-installation', 'installation access token of a GitHub App'),
    row('ghr', 'github-refresh', 'refresh token of a GitHub App'),
    {
      id: 'github-installation-stateless',
      title: 'installation access token of a GitHub App (stateless)',
      keywords: ['ghs_'],
      pattern: token('ghs_[0-9]{1,12}_eyJ[0-9A-Za-z_-]{10,600}\\.eyJ[0-9A-Za-z_-]{10,1200}\\.[0-9A-Za-z_-]{40,700}'),
      confidence: 'high',
      reach: { before: 16, after: 2600 },
      facts: (secret) => ({ app: secret.split('_')[1] ?? '' }),
      samples: () => {
        const jwt = `eyJ${base64url(33)}.eyJ${base64url(180)}.${base64url(342)}`
        return {
          hits: [`ghs_${digits(6)}_${jwt}`, [`Authorization: Bearer ghs_${digits(6)}_${jwt}\r\n`, `ghs_${digits(6)}_${jwt}`]],
          misses: [`ghs_${digits(6)}_${jwt.slice(0, 40)}`, `ghs_x_${jwt}`],
        }
      },
    },
    {
      id: 'github-pat-fine-grained',
      title: 'personal access token (fine-grained)',
      keywords: ['github_pat_'],
      pattern: token('github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}'),
      confidence: 'high',
      samples: () => ({
        hits: [`github_pat_${alnum(22)}_${alnum(59)}`],
        misses: [`github_pat_${alnum(22)}_${alnum(58)}`, `github_pat_${alnum(82)}`],
      }),
    },
  ],
)
