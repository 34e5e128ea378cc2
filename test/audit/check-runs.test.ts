import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { type Answer, checkNext, type Shared } from '../../src/audit/check-runs.ts'
import { appendNotes, freshDirectory, openTestLog } from './rig.ts'

test('a thread checks every run that nobody has claimed, as this one would, and ends', async () => {
  const directory = freshDirectory()
  const log = await openTestLog(directory)
  await appendNotes(log, 40 * 256)
  await log.close()
  const here = answersHere({ directory, bundles: 40, next: counter() })
  assert.deepEqual(
    here.map(({ first, checked }) => [first, checked?.roots.length]),
    [
      [0, 16 * 32],
      [16, 16 * 32],
      [32, 8 * 32],
    ],
  )
  const shared: Shared = { directory, bundles: 40, next: counter() }
  checkNext(shared)
  const there: Answer[] = []
  const worker = new Worker(new URL('../../src/audit/check-worker.ts', import.meta.url), { workerData: shared })
  worker.on('message', (answer: Answer) => there.push(answer))
  assert.deepEqual(await once(worker, 'exit'), [0])
  assert.deepEqual(there.map(bytesOf), here.slice(1).map(bytesOf))
})

test('a run with a problem is an answer as well, so that an earlier one can come first', () => {
  const next = counter()
  const answer = checkNext({ directory: freshDirectory(), bundles: 1, next })
  assert.deepEqual(answer?.problem, { place: 'tile/entries/000', reason: 'it cannot be read' })
})

function counter(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(4))
}

function answersHere(shared: Shared): Answer[] {
  const answer = checkNext(shared)
  return answer === undefined ? [] : [answer, ...answersHere(shared)]
}

/** What a message keeps of it: bytes are no Buffers any more. */
function bytesOf({ first, checked }: Answer) {
  return [first, Buffer.from(checked?.roots ?? []).toString('hex'), Buffer.from(checked?.allows ?? []).toString('hex')]
}
