import { randomBytes } from 'node:crypto'
import type { DeliveryRow } from '../store/tables.ts'
import type { Approval } from './approval.ts'
import { mayAnswer, type Roles } from './who.ts'

/** A channel to one person. */
export interface Webhook {
  readonly name: string
  readonly person: string
}

/** When the people of which role are asked too, where nobody has answered. */
export interface EscalationRule {
  readonly role: string
  readonly afterMs: number
}

/** What asks a role too waits among the deliveries under this name, which no webhook can have. */
export function roleChannel(role: string): string {
  return `role:${role}`
}

/** A question to one webhook, as it waits to be delivered: to everybody who may answer, but not to those who ask. */
export function deliveriesOf(approval: Approval, webhooks: readonly Webhook[], roles: Roles): readonly DeliveryRow[] {
  const { callerId, barred = [] } = approval
  const mayBe = (person: string): boolean => person !== callerId && !barred.includes(person) && mayAnswer(person, approval, roles)
  const asked = webhooks.filter(({ person }) => mayBe(person))
  return asked.map(({ name }) => deliveryRow(approval, name, approval.createdAt))
}

/** The turn of a role: none where the question has expired by then. */
export function escalationOf(approval: Approval, { role, afterMs }: EscalationRule): readonly DeliveryRow[] {
  const due = approval.createdAt + afterMs
  return due < approval.expiresAt ? [deliveryRow(approval, roleChannel(role), due)] : []
}

function deliveryRow({ id: approval_id }: Approval, webhook: string, due_at: number): DeliveryRow {
  return { approval_id, webhook, message_id: `msg_${randomBytes(15).toString('hex')}`, attempts: 0, due_at }
}
