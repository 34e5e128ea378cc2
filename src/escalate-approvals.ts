import { openOutbox } from './approvals/outbox.ts'
import { roleChannel } from './approvals/webhooks.ts'
import { catalogued } from './catalogued.ts'
import type { Opening, Rooms } from './rooms.ts'

/**
 * Begins to ask more people where nobody answers: one of the gateways does so for each question, in the log before any of them may
 * answer. What fails is tried again. Nothing where the settings name nobody.
 */
export function escalateApprovals({ approvals, recorder, store }: Rooms, { config, now, report, onClose }: Opening): void {
  const { approvalEscalation: setting } = config
  if (setting === undefined) return
  const { role } = setting
  const outbox = openOutbox(store, {
    ...{ names: [roleChannel(role)], now, report },
    async send({ approval }) {
      const { id: subject, taskId: task, owner, targetId: target } = approval
      const act = { action: 'stint:Approval::escalate', subject, task, owner, target, details: { role } }
      await recorder.recordAct(act).catch((thrown) => Promise.reject(catalogued(thrown)))
      await approvals.escalate(subject, role)
    },
  })
  onClose(() => outbox.close())
}
