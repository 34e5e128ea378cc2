import { parentPort, workerData } from 'node:worker_threads'
import { checkNext } from './check-runs.ts'

/** A thread of `checkRuns`: checks runs until none is left to claim. */
for (let answer = checkNext(workerData); answer !== undefined; answer = checkNext(workerData)) parentPort?.postMessage(answer)
