import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from '../api/verbs.ts'
import type { Approval } from '../approvals/approval.ts'
import type { CommandContext } from './command.ts'

const POLL_MS = 1000

/** The questions that wait now, then each new one as it is asked, oldest first. Throws what `call` throws, and so ends. */
export async function* watchApprovals(call: CommandContext['call']): AsyncGenerator<Approval> {
  let known = new Set<string>()
  for (;;) {
    const { items } = await call<Page<Approval>>('GET', '/v1/approvals?state=pending&limit=500')
    const fresh = items.filter(({ id }) => !known.has(id)).reverse()
    known = new Set(items.map(({ id }) => id))
    yield* fresh
    await sleep(POLL_MS)
  }
}

/** What a person at a terminal says to it; undefined for nothing, yet. The prompt is loaded when it is needed. */
export async function askPerson({ targetId, action }: Approval): Promise<'grant' | 'deny' | undefined> {
  const { isCancel, select } = await import('@clack/prompts')
  const answer = await select({
    message: `${action} on ${targetId}?`,
    initialValue: 'later',
    options: [
      { value: 'later', label: 'say nothing now' },
      { value: 'grant', label: 'yes, exactly this, once' },
      { value: 'deny', label: 'no' },
    ],
    output: process.stderr,
  })
  return isCancel(answer) || (answer !== 'grant' && answer !== 'deny') ? undefined : answer
}
