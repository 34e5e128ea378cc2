import { randomBytes } from 'node:crypto'
import type { DeliveryRow } from '../store/tables.ts'
import type { Approval } from './approval.ts'
import { mayAnswer, type Roles } from './who.ts'

/** A channel to one person. */
export interface Webhook {
  readonly name: string
  readonly person: string
}

/** A question to one webhook, as it waits to be delivered: to everybody who may answer, but not to those who ask. */
export function deliveriesOf(approval: Approval, webhooks: readonly Webhook[], roles: Roles): readonly DeliveryRow[] {
  const { callerId, barred = [] } = approval
  const mayBe = (person: string): boolean => person !== callerId && !barred.includes(person) && mayAnswer(person, approval, roles)
  const asked = webhooks.filter(({ person }) => mayBe(person))
  return asked.map(({ name: webhook }) => ({
    ...{ approval_id: approval.id, webhook, message_id: `msg_${randomBytes(15).toString('hex')}` },
    ...{ attempts: 0, due_at: approval.createdAt },
  }))
}
