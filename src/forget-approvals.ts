import { pruneApprovals } from './approvals/prune.ts'
import type { Opening, Rooms } from './rooms.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/**
 * Deletes old questions from the state: at the start, and each hour. The log keeps who asked, who said what and what passed. What fails is
 * tried again an hour later.
 */
export function forgetApprovals(
  { store, glass }: Pick<Rooms, 'store' | 'glass'>,
  { config, log, now, report, onClose }: Opening,
): void {
  const keptMs = config.approvalRetentionDays * DAY_MS
  let timer: NodeJS.Timeout | undefined
  let looking: Promise<void> | undefined
  look()
  onClose(() => {
    clearInterval(timer)
    return looking
  })
  timer = setInterval(look, HOUR_MS)
  timer.unref()

  function look(): void {
    looking ??= forget()
      .catch(report)
      .finally(() => (looking = undefined))
  }

  async function forget(): Promise<void> {
    const deleted = await pruneApprovals(store, now() - keptMs, glass.questions())
    if (deleted > 0) log.info({ deleted }, `questions that were over for ${config.approvalRetentionDays} days were deleted`)
  }
}
