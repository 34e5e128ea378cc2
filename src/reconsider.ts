import type { Act, Action, AuthzRequest, Decision, Selector } from './model.ts'
import type { Subject } from './selector.ts'

/** What reconsidering needs of the rooms. */
export interface ReconsiderVerbs {
  /** policy/request.ts, as of what was touched. */
  request(act: Act, touched: readonly string[]): AuthzRequest
  /** policy/decide.ts. Never throws. */
  decide(request: AuthzRequest): Decision
  /** revocations/flows.ts. */
  cut(selector: Selector, isMeant: (subject: Subject) => boolean): number
}

const STRICTNESS: Readonly<Record<Decision['effect'], number>> = { allow: 0, 'needs-approval': 1, deny: 2 }

/**
 * When a tree of tasks has touched more, what it has open is decided again: an upload that was allowed before a page was read must not
 * carry away what the page asks for. What would now be refused, or asked about, and was not before is cut in this tick; answers how many.
 * `by` is the act that was decided before it touched, and stays.
 */
export function reconsider(
  verbs: ReconsiderVerbs,
  root: string,
  touched: { readonly before: readonly string[]; readonly now: readonly string[] },
  by?: Action,
): number {
  const strictness = (act: Act, labels: readonly string[]): number => {
    return STRICTNESS[verbs.decide(verbs.request(act, labels)).effect]
  }
  return verbs.cut({ kind: 'task', id: root }, (subject) => {
    if (!isAct(subject) || subject.action === by) return false
    return strictness(subject, touched.now) > strictness(subject, touched.before)
  })
}

/** A connection that carries no exchange yet does nothing. */
function isAct(subject: Subject): subject is Act {
  return subject.target !== undefined && subject.action !== undefined
}
