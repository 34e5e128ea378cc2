import { getCompileCacheDir } from 'node:module'
import { dirname, extname } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type CheckedBundles, checkBundles } from './check.ts'
import { AuditError, tampered } from './error.ts'

/** Bundles that a thread checks at once: 4,096 entries. */
const RUN = 16
/** Another thread for each so many bundles: starting one takes about as long as checking them. */
const WORTH_A_THREAD = 64

/** What several threads check. `next` holds the first bundle that none of them has claimed. */
export interface Shared {
  readonly directory: string
  readonly bundles: number
  readonly next: Int32Array<SharedArrayBuffer>
}

/** What became of the run of bundles that begins at `first`. */
export interface Answer {
  readonly first: number
  readonly checked?: CheckedBundles
  readonly problem?: { readonly reason: string; readonly place: string | undefined }
}

/**
 * Checks the first `bundles` bundles, on this thread and on others beside it. `take` gets each run in order, so that the first problem is
 * the one reported. Throws `audit_tampered`.
 */
export async function checkRuns(
  directory: string,
  bundles: number,
  threads: number,
  take: (first: number, checked: CheckedBundles) => void,
): Promise<void> {
  const shared: Shared = { directory, bundles, next: new Int32Array(new SharedArrayBuffer(4)) }
  const answers = new Map<number, Answer>()
  let news = Promise.withResolvers<void>()
  const receive = (answer: Answer): void => {
    answers.set(answer.first, answer)
    news.resolve()
    news = Promise.withResolvers<void>()
  }
  const takeAll = async (): Promise<void> => {
    for (let first = 0; first < bundles; first += RUN) {
      while (!answers.has(first)) {
        const mine = checkNext(shared)
        if (mine !== undefined) receive(mine)
        await (mine === undefined ? news.promise : turn())
      }
      take(first, checkedBy(answers.get(first), directory))
      answers.delete(first)
    }
  }
  const broken = Promise.withResolvers<never>()
  const others = Math.min(threads - 1, Math.floor(bundles / WORTH_A_THREAD))
  const workers = Array.from({ length: Math.max(0, others) }, () => startWorker(shared))
  for (const worker of workers) worker.on('message', receive).on('error', broken.reject)
  try {
    await Promise.race([takeAll(), broken.promise])
  } finally {
    Atomics.store(shared.next, 0, bundles)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

/** Claims the next run and checks it; undefined when none is left. Synchronous. */
export function checkNext({ directory, bundles, next }: Shared): Answer | undefined {
  const first = Atomics.add(next, 0, RUN)
  if (first >= bundles) return undefined
  try {
    return { first, checked: checkBundles(directory, first, Math.min(RUN, bundles - first)) }
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    return { first, problem: { reason: error.reason, place: error.place } }
  }
}

/** A thread does not inherit that compiled code is kept; without it, it strips all types again, which takes longer than all else. */
function startWorker(shared: Shared): Worker {
  const cache = getCompileCacheDir()
  return new Worker(new URL(`./check-worker${extname(import.meta.url)}`, import.meta.url), {
    workerData: shared,
    env: cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) },
  })
}

function checkedBy(answer: Answer | undefined, directory: string): CheckedBundles {
  if (answer?.checked !== undefined) return answer.checked
  throw tampered(answer?.problem?.place ?? directory, answer?.problem?.reason ?? 'it cannot be checked')
}
