import type { Action } from '../../model.ts'
import type { AnswerReader, AnswerStart, Connector } from '../connector.ts'
import { tryReadPush } from './git.ts'
import { readReport } from './git-results.ts'
import { createTap } from './tap.ts'

/** Refs of one push that can be moved back. More of them are a mirror's. */
const MAX_REFS = 50

type Note = Parameters<NonNullable<Connector['undoOf']>>[2]

/**
 * For a push, tells of each ref that the server says it moved where it was before. What the push alone says is not believed: its first
 * ids are the workload's words until the server takes them, since it compares them with where the ref is.
 */
export function undoOfPush({ asked, status }: AnswerStart, { id }: Action, note: Note): AnswerReader | undefined {
  if (status !== 200 || (id !== 'git:push' && id !== 'git:delete-ref')) return undefined
  const push = tryReadPush(asked.body)
  const takesReport = push?.capabilities.has('report-status') || push?.capabilities.has('report-status-v2')
  if (push === undefined || !takesReport || push.commands.length > MAX_REFS) return undefined
  const path = asked.path.slice(0, -'/git-receive-pack'.length)
  return createTap((answer) => {
    const { done } = readReport(answer, push.capabilities.has('side-band-64k'))
    for (const { ref, from, to } of push.commands) if (done.has(ref)) note({ is: 'ref', path, ref, from, to })
  })
}
