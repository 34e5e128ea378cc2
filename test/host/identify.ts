import assert from 'node:assert/strict'
import { type ProcessId, statOf } from '../../src/host/process-tree.ts'

/** The process that has this pid now. */
export function identify(pid: number | undefined): ProcessId {
  const found = statOf(pid ?? -1)
  assert.ok(found, `there is no process ${pid}`)
  return { pid: found.pid, startTime: found.startTime }
}
