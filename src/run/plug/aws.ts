import type { Given, Want } from './ask.ts'
import { type PlugTarget, Refused, targetNamed } from './plan.ts'

/** AWS SDKs and Tools Reference Guide, "Process credential provider": JSON of version 1. `name` is the target, where the task has several. */
export async function answerAws(
  name: string | undefined,
  plan: readonly PlugTarget[],
  ask: (want: Want) => Promise<Given>,
): Promise<string> {
  const target = targetNamed(plan, name, 'aws')
  if (!target.plugPoints.includes('aws')) {
    const { placeholder } = target
    if (placeholder === undefined) throw new Refused(`the target ${target.id} takes no credential`)
    return `${JSON.stringify({ Version: 1, AccessKeyId: placeholder, SecretAccessKey: placeholder })}\n`
  }
  const { fields, expiresAt } = await ask({ as: 'aws', target: target.id })
  const { id: AccessKeyId, secret: SecretAccessKey, token: SessionToken } = fields
  return `${JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken, Expiration: timeOf(expiresAt) })}\n`
}

/** ISO 8601, without fractions, which some of AWS's clients do not read. */
export function timeOf(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z')
}
