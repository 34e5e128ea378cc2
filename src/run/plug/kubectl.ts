import type { Given, Want } from './ask.ts'
import { timeOf } from './aws.ts'
import { type PlugTarget, Refused, targetNamed } from './plan.ts'

const VERSION = 'client.authentication.k8s.io/v1'

/** An exec plugin of client-go (Kubernetes, "client-go credential plugins"). `info` is KUBERNETES_EXEC_INFO; `name` the target. */
export async function answerKubectl(
  name: string | undefined,
  info: string | undefined,
  plan: readonly PlugTarget[],
  ask: (want: Want) => Promise<Given>,
): Promise<string> {
  if (info !== undefined && versionIn(info) !== VERSION)
    throw new Refused(`the kubeconfig asks for another version than ${VERSION}`)
  const target = targetNamed(plan, name, 'kubernetes')
  if (!target.plugPoints.includes('kubectl')) {
    if (target.placeholder === undefined) throw new Refused(`the target ${target.id} takes no credential`)
    return write({ token: target.placeholder })
  }
  const { fields, expiresAt } = await ask({ as: 'kubectl', target: target.id })
  return write({ expirationTimestamp: timeOf(expiresAt), token: fields.token ?? '' })
}

function versionIn(info: string): unknown {
  try {
    return (JSON.parse(info) as { apiVersion?: unknown } | null)?.apiVersion
  } catch {
    return undefined
  }
}

function write(status: Readonly<Record<string, string>>): string {
  return `${JSON.stringify({ apiVersion: VERSION, kind: 'ExecCredential', status })}\n`
}
