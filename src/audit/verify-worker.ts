import { parentPort, workerData } from 'node:worker_threads'
import { checkBundles } from './check.ts'
import { AuditError } from './error.ts'

/** A thread of `verifyDirectory`: checks the runs of bundles it is sent. */
parentPort?.on('message', ({ first, count }: { first: number; count: number }) => {
  try {
    parentPort?.postMessage({ first, checked: checkBundles(workerData, first, count) })
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    parentPort?.postMessage({ first, problem: { reason: error.reason, place: error.place } })
  }
})
