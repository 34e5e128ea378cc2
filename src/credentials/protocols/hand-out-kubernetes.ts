import { StintError } from '../../errors.ts'
import type { Access, Action } from '../../model.ts'
import type { HandOutWish } from '../minting.ts'
import { accessOf, PLAIN } from './kubernetes-path.ts'
import { settingOf } from './setting.ts'

const NAMED = /^kubernetes:(?:(?<group>[a-z0-9_-]+):)?(?<type>[a-z0-9-]+)(?:_(?<sub>[a-z]+))?::(?<verb>[a-z]+)$/
const ACCESS: readonly Access[] = ['read', 'write', 'destructive', 'admin']

/** A rule of a role (RBAC, "Role and ClusterRole"), as a term of a grant: `apps,batch deployments get,list`. */
interface Rule {
  readonly groups: readonly string[]
  readonly type: string
  readonly verb: string
}

/**
 * What kubectl is handed a token for: the verbs and types that the task's scope names, one by one, in the one namespace of the
 * target's setting. Throws `unknown_action` for a scope that names none.
 */
export function handOutForKubernetes({ scope, target }: HandOutWish): Action {
  const rules = scope.actions.flatMap((one) => readRule(one) ?? [])
  if (rules.length === 0)
    throw new StintError('unknown_action', 'a token is handed out for verbs that the task names: --action kubernetes:pods::get')
  const access = rules.map(({ groups: [group = ''], type, verb }) => ACCESS.indexOf(accessOf(group, type, verb)))
  const namespace = settingOf(target, 'hand_out_namespace') || 'default'
  return {
    ...{ id: 'kubernetes:ServiceAccount::use', access: ACCESS[Math.max(...access)] ?? 'admin' },
    resource: `/api/v1/namespaces/${namespace}`,
    parameters: { namespace, rules: rules.map(({ groups, type, verb }) => [groups.join(), type, verb].join(' ')).sort() },
  }
}

/** Which group a type without one is of, its name alone does not tell: of those that need none, it is in one. */
function readRule(actionId: string): Rule | undefined {
  const { group, type, sub, verb } = NAMED.exec(actionId)?.groups ?? {}
  if (type === undefined || verb === undefined || type === 'discovery') return undefined
  const groups = group === undefined ? PLAIN : [group.replaceAll('_', '.')]
  return { groups, type: sub === undefined ? type : `${type}/${sub}`, verb }
}
