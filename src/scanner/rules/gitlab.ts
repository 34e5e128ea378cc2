import { crc32 } from 'node:zlib'
import { token } from '../pattern.ts'
import { known } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64url } from '../sample.ts'

/** What a routable token says of where it belongs. */
const ROUTES: Readonly<Record<string, string>> = {
  c: 'cell',
  g: 'group',
  o: 'organization',
  p: 'project',
  t: 'top-level group',
  u: 'user',
}
const ROUTABLE = /^(?<prefix>[a-z]+-(?:t[0-9]_)?)(?<payload>[\w-]+)\.(?:[0-9a-z]{2}\.)?(?<length>[0-9a-z]{2})[0-9a-z]{7}$/

/**
 * A routable token: prefix, payload in base64url, a dot, the payload's length in two digits of base 36, and seven of the CRC-32 of all that
 * (design document "Routable tokens").
 */
function seal(prefix: string, route: string, seed = 1): string {
  const random = Buffer.from(alnum(16, seed))
  const payload = Buffer.concat([Buffer.from(route), random, Buffer.from([random.length])]).toString('base64url')
  const body = `${prefix}${payload}.${payload.length.toString(36).padStart(2, '0')}`
  return body + checksum(body)
}

const checksum = (body: string): string => crc32(body).toString(36).padStart(7, '0')

function isRoutable(secret: string): boolean {
  const { payload = '', length = '' } = ROUTABLE.exec(secret)?.groups ?? {}
  return payload.length === Number.parseInt(length, 36) && checksum(secret.slice(0, -7)) === secret.slice(-7)
}

/** The ids of the payload, without the random bytes after them, of which the last byte says how many they are. */
function routeOf(secret: string): Readonly<Record<string, string>> {
  const payload = Buffer.from(ROUTABLE.exec(secret)?.groups?.payload ?? '', 'base64url')
  const lines = payload.toString('latin1', 0, Math.max(0, payload.length - 1 - (payload.at(-1) ?? 0))).split('\n')
  const facts = lines.map((line) => [ROUTES[line.split(':')[0] ?? ''], line.split(':')[1] ?? ''] as const)
  return Object.fromEntries(
    facts.flatMap(([name, id]) => (name && /^[0-9a-z]+$/.test(id) ? [[name, String(Number.parseInt(id, 36))]] : [])),
  )
}

/** GitLab's tokens. An instance may have prefixes of its own: those are not known. */
export const gitlab = rulesOf('GitLab', 'https://docs.gitlab.com/security/tokens/', [
  known('gitlab-pat', 'personal, project or group access token', 'glpat-<url 20>'),
  known('gitlab-deploy', 'deploy token', 'gldt-<url 20>'),
  known('gitlab-runner', 'runner authentication token', 'glrt-<url 20>'),
  known('gitlab-runner-created', 'runner authentication token (by its kind)', 'glrt-t<digits 1>_<url 20>'),
  known('gitlab-runner-registration', 'runner registration token', 'GR1348941<url 20>'),
  known('gitlab-runner-registered', 'token of a registered runner', 'glrtr-<url 20>'),
  known('gitlab-job', 'CI/CD job token', 'glcbt-<alnum 1-5>_<url 20>'),
  known('gitlab-trigger', 'pipeline trigger token', 'glptt-<url 20-40>'),
  known('gitlab-oauth-secret', 'OAuth application secret', 'gloas-<hex 64>'),
  known('gitlab-feed', 'feed token', 'glft-<url 20>'),
  known('gitlab-incoming-mail', 'incoming mail token', 'glimt-<lower 25>'),
  known('gitlab-agent', 'agent token', 'glagent-<url 50>'),
  known('gitlab-workspace', 'workspace token', 'glwt-<url 20>'),
  known('gitlab-scim', 'SCIM token', 'glsoat-<url 20>'),
  known('gitlab-feature-flags', 'feature flags client token', 'glffct-<url 20>'),
  {
    id: 'gitlab-routable',
    title: 'routable token',
    source: 'https://handbook.gitlab.com/handbook/engineering/architecture/design-documents/cells/routable_tokens/',
    keywords: ['glpat-', 'gldt-', 'glrt-', 'glrtr-', 'glcbt-', 'glptt-', 'glft-', 'glwt-', 'glagent-', 'glsoat-', 'glffct-'],
    pattern: token('gl[a-z]{2,5}-(?:t[0-9]_)?[0-9A-Za-z_-]{27,300}\\.(?:[0-9a-z]{2}\\.)?[0-9a-z]{9}'),
    confidence: 'high',
    check: isRoutable,
    facts: routeOf,
    samples: () => {
      const [one, two] = [seal('glpat-', 'o:1\nu:2n9c'), seal('glrt-t3_', 'c:1\no:1\np:xyz\nu:1', 2)]
      return {
        hits: [one, two, [`PRIVATE-TOKEN: ${one}`, one]],
        misses: [
          `${one.slice(0, -1)}${one.endsWith('0') ? '1' : '0'}`,
          one.slice(0, -1),
          `${one}0`,
          `glpat-${base64url(40)}.12abcdefg`,
        ],
      }
    },
  },
])
