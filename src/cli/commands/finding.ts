import { Option } from 'commander'
import type { FindingListing, Page } from '../../api/verbs.ts'
import { DETECTIONS } from '../../config.ts'
import type { Register } from '../command.ts'
import { addList } from '../list.ts'
import { fromNow, table } from '../table.ts'

/** `stint finding list`. */
export const register: Register = (program, context) => {
  const finding = program
    .command('finding')
    .description('what was noticed about tasks: bursts of refusals, stolen tokens, new targets')
  const list = finding
    .command('list')
    .description('list them, newest first')
    .option('--task <task>', 'of this task only')
    .addOption(new Option('--kind <kind>', 'of this kind only').choices(DETECTIONS))
  addList<FindingListing>(list, context, {
    ...{ path: '/v1/findings', limit: 50, text: listing },
    queryOf: ({ task, kind }) => ({ ...(task !== undefined && { taskId: task }), ...(kind !== undefined && { kind }) }),
  })
}

function listing({ items }: Page<FindingListing>): string {
  const now = Date.now()
  const rows = items.map(({ at, kind, taskId, detail, revoked }) => [
    ...[fromNow(at, now), kind, taskId],
    revoked ? `${detail}; revoked` : detail,
  ])
  return table(['WHEN', 'WHAT', 'TASK', 'DETAIL'], rows, 'Nothing was noticed.')
}
