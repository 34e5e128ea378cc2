import type { Action, Scope } from '../../model.ts'
import { namesAction } from '../../scope.ts'
import type { Grant } from '../minting.ts'

const READS = ['get', 'list', 'watch']

/**
 * The rule that serves an action: reads of its type together, as far as the task’s scope names them; anything else by its one verb, on
 * the one object where it names one.
 */
export function grantKubernetes(action: Action, scope: Scope): Grant {
  const { group, type, verb, namespace, name } = action.parameters
  if (action.parameters.rules !== undefined) return grantRules([action.parameters.rules].flat(), String(namespace))
  if (type === undefined) return { key: 'discovery', reach: ['the API’s discovery documents'], terms: { place: '' } }
  const place = namespace === undefined ? 'cluster' : `namespaces/${namespace}`
  const stem = action.id.slice(0, action.id.lastIndexOf('::'))
  const inScope = (one: string): boolean => scope.actions.some((pattern) => namesAction(pattern, `${stem}::${one}`))
  const isRead = READS.includes(String(verb))
  const verbs = isRead ? READS.filter((one) => one === verb || inScope(one)) : [String(verb)]
  const names = isRead || name === undefined || verb === 'create' ? [] : [String(name)]
  const what = [type, ...(names.length > 0 ? [names[0]] : []), ...(group ? [`(${group})`] : [])].join(' ')
  return {
    key: [place, group, type, verbs.join(), names.join()].join(' '),
    reach: [`${verbs.join(', ')} ${what} in ${namespace ?? 'the cluster'}`.slice(0, 200)],
    terms: { place, group: String(group), type: String(type), verbs, names },
  }
}

/** Several rules in one namespace, each as `groups type verb`. */
function grantRules(rules: readonly string[], namespace: string): Grant {
  const reach = rules.map((rule) => `${rule.split(' ').slice(1).reverse().join(' ')} in ${namespace}`.slice(0, 200))
  return { key: [namespace, ...rules].join(' '), reach, terms: { place: `namespaces/${namespace}`, rules } }
}
