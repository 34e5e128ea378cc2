import type { Proof, WebhookAnswer } from './api/verbs.ts'
import type { Approval, Before } from './approvals/approval.ts'
import { type Delivery, openOutbox } from './approvals/outbox.ts'
import type { ApprovalWebhook, Config } from './config.ts'
import { handleOf, isHandle, NOT_SIGNED, signMessage, verifyMessage } from './credentials/webhook-signature.ts'
import { asStintError, StintError } from './errors.ts'
import { createIo } from './gateway/io.ts'
import type { Caller, HostRule } from './model.ts'
import { readBefore } from './read-before.ts'
import type { Opening, Rooms } from './rooms.ts'
import type { Secret } from './secret.ts'

/** Questions to webhooks, and their signed answers. */
export interface ApprovalWebhooks {
  /** Who signed it. Throws `signature_invalid`, also for a name that is no webhook's; `inside_task`. */
  verify(proof: Proof & { kind: 'webhook' }): Promise<Caller>
  /** Throws `not_found`, `not_approver`, and what answering throws. */
  answer(id: string, webhook: string, caller: Caller, said: WebhookAnswer): Promise<Approval>
}

/** Begins to deliver. The rooms lend what it needs. */
export function joinWebhooks(rooms: Rooms, { config, now, report, onClose }: Opening): ApprovalWebhooks {
  const { vault, targets, approvals, dial, inside, recorder, store } = rooms
  const { approvalWebhooks: settings, trustDomain, issuer } = config
  const names = Object.keys(settings)
  if (names.length > 0) {
    const outbox = openOutbox(store, { names, send, told, now, report })
    onClose(() => outbox.close())
  }
  return { verify, answer }

  /** An answer to any of its tries is the same answer. */
  async function send(delivery: Delivery): Promise<void> {
    const { webhook, messageId } = delivery
    const { url, credential, privateNetworks } = settingOf(settings, webhook)
    const secret = secretOf(credential)
    const before = await readBefore(rooms, delivery.approval)
    const body = JSON.stringify(messageOf(delivery, before, { settings, issuer, handle: answerHandle(secret, delivery) }))
    const { id, timestamp, signature } = signMessage(secret, { id: messageId, body, now: now() })
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature }
    const io = createIo(dial, [placeOf(url)], { privateNetworks }, now)
    const asked = { method: 'POST', url, headers: { ...headers, 'content-type': 'application/json' }, body } as const
    const { status } = await io.exchange(asked)
    if (status < 200 || status > 299) throw new StintError('upstream_failed', `the webhook ${webhook} answered ${status}`)
  }

  async function told({ approval, webhook }: Delivery, attempts: number): Promise<void> {
    const { id: subject, taskId: task, owner, targetId: target } = approval
    const details = { webhook, attempts: String(attempts) }
    await recorder.recordAct({ action: 'stint:Approval::ask', subject, task, owner, target, details })
  }

  async function verify({ name, head, body, pid }: Proof & { kind: 'webhook' }): Promise<Caller> {
    if (pid !== undefined && (await inside.isInside(pid)))
      throw new StintError('inside_task', 'a question is not answered from inside a task')
    const { secret, person } = signerOf(name)
    verifyMessage(secret, head, body, now())
    const id = `spiffe://${trustDomain}/webhook/${name}`
    return { id, proof: 'webhook', issuer: 'stint', actors: [], claims: { person } }
  }

  /** A stranger is not told which webhooks there are, nor how they are set up. */
  function signerOf(name: string): { secret: Secret; person: string } {
    try {
      const { credential, person } = settingOf(settings, name)
      return { secret: secretOf(credential), person }
    } catch (cause) {
      throw new StintError('signature_invalid', NOT_SIGNED, { operatorDetail: asStintError(cause).detail, cause })
    }
  }

  async function answer(id: string, webhook: string, { id: callerId }: Caller, given: WebhookAnswer): Promise<Approval> {
    const { handle, said, ...terms } = given
    const { person, credential } = settingOf(settings, webhook)
    const asked = await approvals.asked(id, webhook)
    if (!isHandle(handle, answerHandle(secretOf(credential), asked)))
      throw new StintError('not_approver', 'the handle is not the one that came with this question')
    const answerer = { ...terms, callerId, person, via: webhook }
    return said === 'yes' ? approvals.grant(id, answerer) : approvals.deny(id, answerer)
  }

  /** Throws `credential_missing`; `invalid_config` where a target has it too, so that it is no secret between two. */
  function secretOf(credential: string): Secret {
    const target = targets.list().find(({ credentialId }) => credentialId === credential)
    if (target === undefined) return vault.open(credential)
    throw new StintError('invalid_config', `${credential} signs for a webhook, and is shown to target ${target.id}: use two`)
  }
}

/** A webhook's people, and who speaks for whom: what approvals/ needs of the settings. */
export function webhookPeople({ approvalWebhooks }: Pick<Config, 'approvalWebhooks'>) {
  return Object.entries(approvalWebhooks).map(([name, { person }]) => ({ name, person }))
}

function settingOf(settings: Config['approvalWebhooks'], name: string): ApprovalWebhook {
  const found = Object.hasOwn(settings, name) ? settings[name] : undefined
  if (found === undefined) throw new StintError('not_found', `there is no webhook ${name}`)
  return found
}

/** Known only to who has the secret, and good for this message, question and request alone. */
function answerHandle(secret: Secret, { messageId, approval, binding }: Delivery): string {
  return handleOf(secret, messageId, approval.id, binding)
}

/** The payload as Standard Webhooks 1.0 would have it ("Payload structure"). What the question shows is attacker-controlled. */
function messageOf(
  { approval, webhook }: Delivery,
  before: Before,
  { settings, issuer, handle }: { settings: Config['approvalWebhooks']; issuer: string; handle: string },
) {
  const { person } = settingOf(settings, webhook)
  const url = `${issuer.replace(/\/$/, '')}/v1/approvals/${approval.id}/answers/${webhook}`
  const timestamp = new Date(approval.createdAt).toISOString()
  return { type: 'approval.asked', timestamp, data: { approval: { ...approval, ...before }, answer: { url, person, handle } } }
}

function placeOf(url: string): HostRule {
  const { protocol, hostname, port } = new URL(url)
  const scheme = protocol === 'http:' ? 'http' : 'https'
  return { scheme, host: hostname, port: Number(port) || (scheme === 'https' ? 443 : 80) }
}
