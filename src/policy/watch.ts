import { type FSWatcher, watch } from 'node:fs'

/** Quiet time after the last event: an editor's save is several. */
const QUIET_MS = 50
/** How often a directory that is gone is looked for. */
const RETRY_MS = 1000

/**
 * Calls `onChange` after anything in the directory changed, also when the directory itself was replaced. Stop it by calling
 * what it answers.
 */
export function watchDirectory(directory: string, onChange: () => void): () => void {
  let watcher: FSWatcher | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  const after = (milliseconds: number, act: () => void): void => {
    clearTimeout(timer)
    timer = setTimeout(act, milliseconds)
    timer.unref()
  }
  const changed = (): void => {
    // A watch follows the directory it was set on, not the name: set it anew each time.
    arm()
    if (!stopped) onChange()
  }
  const arm = (): void => {
    watcher?.close()
    if (stopped) return
    try {
      watcher = watch(directory, { persistent: false }, () => after(QUIET_MS, changed))
      watcher.on('error', () => after(RETRY_MS, changed))
    } catch {
      after(RETRY_MS, changed)
    }
  }
  arm()
  return () => {
    stopped = true
    clearTimeout(timer)
    watcher?.close()
  }
}
