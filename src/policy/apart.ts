import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { compileCacheEnv } from '../compile-cache.ts'
import { makePolicySet, type Policy, type PolicyFile, type PolicyProblem, type PolicySet } from './policy-set.ts'

/** Policies handed over in one turn of the event loop: copying them takes a millisecond or two. */
const BATCH = 200

type Reply =
  | { readonly problems: readonly PolicyProblem[] }
  | { readonly hash: string; readonly policies: readonly Policy[]; readonly complete: boolean }

/**
 * Does what `makePolicySet` does in a thread of its own, for Cedar takes about a millisecond for each policy and the gateway
 * must not stand still meanwhile. This file is that thread’s program too.
 */
export function makePolicySetApart(
  files: readonly PolicyFile[],
): Promise<PolicySet | { readonly problems: readonly PolicyProblem[] }> {
  const env = { ...process.env, ...compileCacheEnv() }
  const worker = new Worker(new URL(import.meta.url), { workerData: { policyFiles: files }, execArgv: [], env })
  const policies: Policy[] = []
  return new Promise((resolve, reject) => {
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`the policy thread ended with ${code}`)))
    worker.on('message', (reply: Reply) => {
      if ('problems' in reply) return resolve(reply)
      policies.push(...reply.policies)
      if (reply.complete) resolve({ hash: reply.hash, policies })
      else worker.postMessage('next')
    })
  })
}

function serve(files: readonly PolicyFile[], port: NonNullable<typeof parentPort>): void {
  const made = makePolicySet(files)
  if ('problems' in made) {
    port.postMessage(made satisfies Reply)
    return
  }
  const { hash, policies } = made
  let from = 0
  const give = (): void => {
    const batch = policies.slice(from, from + BATCH)
    from += BATCH
    const complete = from >= policies.length
    port.postMessage({ hash, policies: batch, complete } satisfies Reply)
    if (complete) port.close()
  }
  port.on('message', give)
  give()
}

if (!isMainThread && parentPort !== null && Array.isArray(workerData?.policyFiles)) serve(workerData.policyFiles, parentPort)
