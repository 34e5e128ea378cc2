import type { Given, Want } from './ask.ts'
import { type PlugTarget, Refused, targetAt } from './plan.ts'

/**
 * A credential helper of git (git-credential(1), gitcredentials(7)). `get` answers a username and a password, with the second after
 * which git must not use them; what git would have stored or erased is not Stint's to keep. Anything else is ignored, as git asks.
 */
export async function answerGit(
  verb: string,
  input: string,
  plan: readonly PlugTarget[],
  ask: (want: Want) => Promise<Given>,
): Promise<string> {
  if (verb !== 'get') return ''
  const { protocol = '', host: authority = '', path = '' } = readAttributes(input)
  const url = URL.parse(`${protocol}://${authority}`)
  if (url === null || !['http', 'https'].includes(protocol))
    throw new Refused(`git asks for ${protocol}, which takes no password`)
  const target = targetAt(plan, { schemes: [protocol], host: url.hostname, port: Number(url.port) })
  if (!target.plugPoints.includes('git')) {
    if (target.placeholder === undefined) throw new Refused(`the target ${target.id} takes no credential`)
    return writeAttributes({ username: 'stint', password: target.placeholder })
  }
  const repository = path
    .replace(/\/info\/(?:lfs|refs).*$/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
  const { fields, expiresAt } = await ask({ as: 'git', target: target.id, ...(repository !== '' && { path: repository }) })
  const { username = '', password = '' } = fields
  return writeAttributes({ username, password, password_expiry_utc: String(Math.floor(expiresAt / 1000)) })
}

/** git-credential(1), "INPUT/OUTPUT FORMAT": a name, `=`, the value, to the end of the line. */
function readAttributes(input: string): Readonly<Record<string, string>> {
  const lines = input.split('\n').filter((line) => line.includes('='))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
}

/** A value with a line break or a NUL cannot be said, and would say something else. */
function writeAttributes(attributes: Readonly<Record<string, string>>): string {
  const lines = Object.entries(attributes).map(([name, value]) => `${name}=${value}`)
  if (lines.some((line) => /[\n\r\0]/.test(line))) throw new Refused('the credential is not one that git takes')
  return `${lines.join('\n')}\n`
}
