/** One part of what `@approval` asks for: so many different people who are the owner of the task, or who have the role. */
export interface ApproverRule {
  /** Absent for the owner. */
  readonly role?: string
  readonly count: number
}

const RULE = /^(?:owner|(?:([1-9]) of )?role:([A-Za-z0-9][A-Za-z0-9._@+-]{0,99}))$/
const AND = ' and '

/** How the value of `@approval` must look, in words. */
export const APPROVER_TAKES = 'who must consent: "owner", "role:NAME", or "2 of role:NAME" (up to 9)'

/** Whether it is one rule. Attacker-controlled. */
export function isApproverRule(text: string): boolean {
  return RULE.test(text)
}

/** The rules of several policies as one text: all of them must be met. */
export function joinApprovers(rules: Iterable<string>): string {
  return [...new Set(rules)].sort().join(AND)
}

/** The rules that `joinApprovers` joined; undefined for what is none. */
export function readApprovers(text: string): readonly ApproverRule[] | undefined {
  const rules = text.split(AND).map(readRule)
  return rules.every((rule) => rule !== undefined) ? rules : undefined
}

function readRule(text: string): ApproverRule | undefined {
  const [found, count = '1', role] = RULE.exec(text) ?? []
  if (found === undefined) return undefined
  return { count: Number(count), ...(role !== undefined && { role }) }
}
