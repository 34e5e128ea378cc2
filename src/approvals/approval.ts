import { randomBytes } from 'node:crypto'
import { StintError } from '../errors.ts'
import type { Access, Action, Effect } from '../model.ts'
import type { ApprovalRow } from '../store/tables.ts'

/** How far an approval has come. `expired` is what the clock makes of a pending or granted one. */
export const APPROVAL_STATES = ['pending', 'granted', 'denied', 'expired', 'used'] as const
export type ApprovalState = (typeof APPROVAL_STATES)[number]

/** What a person is shown of a request. All of it but Stint's own words is attacker-controlled. */
export interface Shown {
  readonly taskId: string
  readonly purpose: string
  readonly owner: string
  /** Epoch milliseconds: no consent outlives it. */
  readonly taskExpiresAt: number
  readonly callerId: string
  /** Who else does not answer: identities or people that have a part in what is asked. */
  readonly barred?: readonly string[]
  readonly targetId: string
  readonly action: string
  readonly access: Access
  readonly resource: string
  readonly parameters: Action['parameters']
  /** The request in one line, where it is one: `POST https://api.example.com/v1/orders`. */
  readonly line?: string
  /** The beginning of its body, secrets masked. */
  readonly body?: string
  readonly risk: number
  readonly riskReasons: readonly string[]
  readonly policies: readonly string[]
  readonly reasons: readonly string[]
}

/** What one person said. `at` is epoch milliseconds. */
export interface Answer {
  readonly by: string
  readonly said: 'yes' | 'no'
  readonly at: number
  /** The webhook that it came by, where it did. */
  readonly via?: string
  readonly reason?: string
  /** How often, and for how long, where a yes says so. */
  readonly times?: number
  readonly minutes?: number
  /** A yes whatever the body. */
  readonly anyBody?: true
}

/** Who else may answer, since nobody had: the people of a role. `at` is epoch milliseconds. */
export interface Escalation {
  readonly role: string
  readonly at: number
}

/** A question to people about one request, and their answers. Times are epoch milliseconds. */
export interface Approval extends Shown {
  readonly id: string
  readonly state: ApprovalState
  /** Who must consent: the joined values of `@approval`. */
  readonly approver: string
  readonly escalation?: Escalation
  readonly answers: readonly Answer[]
  /** Whether a yes may leave the body open, and when it did: then the same request goes through with any body. */
  readonly anyBody?: 'possible' | 'granted'
  /** How often what was granted may still be done. */
  readonly usesLeft: number
  readonly createdAt: number
  readonly expiresAt: number
}

/** One request of a task, as it was decided. `at` is epoch milliseconds; `resource` is attacker-controlled. */
export interface Deed {
  readonly at: number
  readonly action: string
  readonly targetId: string
  readonly resource: string
  readonly effect: Effect
}

/** What the task of a question had touched and done, newest first, when it asked. */
export interface Before {
  readonly touched: readonly string[]
  readonly before: readonly Deed[]
}

/** What of an approval is kept as one text. */
export type Kept = Shown &
  Pick<Approval, 'approver' | 'answers' | 'escalation'> & {
    /** What a consent whatever the body is bound to, where there may be one. */
    readonly anyBodyBinding?: string
    /** What was asked, once the row is bound to that. */
    readonly askedBinding?: string
  }

/** A new approval's id: 120 random bits. */
export function newApprovalId(): string {
  return `approval_${randomBytes(15).toString('hex')}`
}

/** The approval that a row holds, as it stands at `now`. */
export function approvalOf(row: ApprovalRow, now: number): Approval {
  const { id, uses_left: usesLeft, created_at: createdAt, expires_at: expiresAt } = row
  const { anyBodyBinding, askedBinding, ...kept } = keptOf(row)
  const anyBody = askedBinding !== undefined ? 'granted' : anyBodyBinding !== undefined ? 'possible' : undefined
  return { id, ...kept, ...(anyBody && { anyBody }), state: stateOf(row, now), usesLeft, createdAt, expiresAt }
}

/** Throws `store_unavailable` for a row that Stint did not write. */
export function keptOf({ record_json }: Pick<ApprovalRow, 'record_json'>): Kept {
  try {
    return JSON.parse(record_json)
  } catch (thrown) {
    throw new StintError('store_unavailable', 'a stored approval is damaged', { operatorDetail: String(thrown), cause: thrown })
  }
}

function stateOf({ state, expires_at }: ApprovalRow, now: number): ApprovalState {
  const known = APPROVAL_STATES.find((one) => one === state)
  if (known === undefined) throw new StintError('store_unavailable', `a stored approval is in no known state: ${state}`)
  return expires_at <= now && (known === 'pending' || known === 'granted') ? 'expired' : known
}
