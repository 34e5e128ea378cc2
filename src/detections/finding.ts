import type { Detection } from '../config.ts'

/** Something odd about a task. Times are epoch milliseconds. */
export interface Finding {
  readonly id: string
  readonly kind: Detection
  readonly taskId: string
  /** The task at the top of its tree, whose risk it raises. */
  readonly rootId: string
  readonly targetId?: string
  /** A sentence for people. */
  readonly detail: string
  readonly at: number
  /** Whether it revoked the task, as the settings have it. */
  readonly revoked: boolean
}

/** What each kind adds to the risk of its tree of tasks, why, and for how long. */
export const KINDS: Readonly<Record<Detection, { readonly points: number; readonly because: string; readonly minutes: number }>> =
  {
    'rejected-proof': { points: 30, because: 'its token was shown with a proof that does not hold', minutes: 15 },
    'denied-burst': { points: 20, because: 'it was refused many times in a row', minutes: 10 },
    'privilege-chain': { points: 20, because: 'it changed several production targets', minutes: 15 },
    'new-target': { points: 5, because: 'its workload is new to a target', minutes: 5 },
    'break-glass': { points: 0, because: 'a sealed credential was opened to it', minutes: 0 },
    'use-after-end': { points: 0, because: 'it was used after its end', minutes: 0 },
  }
