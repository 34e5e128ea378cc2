import { randomBytes } from 'node:crypto'

/** What cancels the work of open sessions ("CancelRequest"), by keys of our own: a client never holds the server's. */
export interface CancelKeys {
  /** The key of a session that `cancel` interrupts, for as long as it is open, for whoever acts under the same task. */
  add(taskId: string | undefined, cancel: () => Promise<void>): { readonly key: Buffer; remove(): void }
  /** Cancels, or does nothing: who asks is not told which. One at a time for each session. */
  cancel(taskId: string | undefined, key: string): Promise<void>
}

interface Entry {
  readonly taskId: string | undefined
  readonly cancel: () => Promise<void>
  isBusy: boolean
}

/** "BackendKeyData": a process number, which is never negative, and a secret. */
const KEY_BYTES = 8

export function createCancelKeys(report: (thrown: unknown) => void): CancelKeys {
  const entries = new Map<string, Entry>()
  return {
    add(taskId, cancel) {
      const key = randomBytes(KEY_BYTES)
      key.writeUInt8(key.readUInt8() & 0x7f)
      const name = key.toString('hex')
      entries.set(name, { taskId, cancel, isBusy: false })
      return { key, remove: () => void entries.delete(name) }
    },
    async cancel(taskId, key) {
      const entry = entries.get(key)
      if (entry === undefined || entry.taskId !== taskId || taskId === undefined || entry.isBusy) return
      entry.isBusy = true
      try {
        await entry.cancel()
      } catch (thrown) {
        report(thrown)
      } finally {
        entry.isBusy = false
      }
    },
  }
}
