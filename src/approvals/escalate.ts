import type { Work } from '../store/store.ts'
import type { ApprovalRow } from '../store/tables.ts'
import { type Approval, approvalOf, keptOf } from './approval.ts'
import type { ApprovalRules } from './approvals.ts'
import { deliveriesOf } from './webhooks.ts'

type Tx = Parameters<Work<unknown>>[0]

/** Lets the people of the role answer too, and asks their webhooks. False where it is over, or was done before. */
export async function widen(
  tx: Tx,
  row: ApprovalRow,
  role: string,
  { now, roles, webhooks = [] }: ApprovalRules,
): Promise<boolean> {
  const approval = approvalOf(row, now())
  if (approval.state !== 'pending' || approval.escalation !== undefined) return false
  const wider: Approval = { ...approval, escalation: { role, at: now() } }
  const record_json = JSON.stringify({ ...keptOf(row), escalation: wider.escalation })
  await tx.updateTable('approvals').set({ record_json }).where('id', '=', row.id).execute()
  const deliveries = deliveriesOf(wider, webhooks, roles)
  if (deliveries.length === 0) return true
  const toAll = tx.insertInto('approval_deliveries').values(deliveries)
  await toAll.onConflict((on) => on.columns(['approval_id', 'webhook']).doNothing()).execute() // who was asked is not asked again
  return true
}
