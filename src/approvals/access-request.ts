import type { Approval } from './approval.ts'
import { sayNo } from './who-said-no.ts'

/** How far a question is, in the words of the profile. A consent that was used stays `approved`. */
type Status = 'pending' | 'approved' | 'denied' | 'expired'

/**
 * A question as the task that asked is told of it: the Task Status document of the AuthZEN Access Request and Approval Profile (draft of
 * May 2026, sections 10.2, 11 and 12.1). Times are RFC 3339. The profile's only way on is to be decided anew: to send the same again.
 */
export interface AccessRequest {
  readonly task: {
    readonly id: string
    readonly status: Status
    readonly status_endpoint: string
    readonly expires_at: string
    readonly display: { readonly title: string; readonly description: string }
  }
  /** Present where people said yes. */
  readonly result?: {
    readonly mode: 'reevaluate'
    readonly approval: {
      readonly id: string
      readonly approved_at: string
      readonly approved_until: string
      readonly state: { readonly uses_left: number }
    }
  }
}

/** The document, at `url`. */
export function accessRequestOf(approval: Approval, url: string): AccessRequest {
  const { id, answers, usesLeft, expiresAt } = approval
  const status = statusOf(approval)
  const expires_at = timeOf(expiresAt)
  const display = { title: TITLES[status], description: sayNext(approval, status) }
  const task = { id, status, status_endpoint: url, expires_at, display }
  if (status !== 'approved') return { task }
  const approved_at = timeOf(Math.max(...answers.map(({ at }) => at)))
  return {
    task,
    result: { mode: 'reevaluate', approval: { id, approved_at, approved_until: expires_at, state: { uses_left: usesLeft } } },
  }
}

const TITLES: Readonly<Record<Status, string>> = {
  pending: 'People were asked',
  approved: 'They said yes',
  denied: 'They said no',
  expired: 'Nobody answered in time, or the consent was not used in time',
}

function statusOf({ state }: Approval): Status {
  return state === 'granted' || state === 'used' ? 'approved' : state
}

function sayNext(approval: Approval, status: Status): string {
  switch (status) {
    case 'pending':
      return 'Look here again after Retry-After. When they have said yes, send exactly the same request again.'
    case 'approved':
      if (approval.usesLeft === 0) return 'The request was let through already. Sending it again asks again.'
      if (approval.anyBody === 'granted') return 'Send the same request again before approved_until, with whatever body.'
      return 'Send exactly the same request again before approved_until; a changed byte is another question.'
    case 'denied':
      return `${sayNo(approval)}. The same request is refused until expires_at.`
    case 'expired':
      return 'Send the request again to ask anew.'
  }
}

function timeOf(millis: number): string {
  return new Date(millis).toISOString()
}
