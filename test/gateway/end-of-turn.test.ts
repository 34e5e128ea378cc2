import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { atEndOfTurn } from '../../src/gateway/end-of-turn.ts'

test('what is left for the end of a turn is done then, all of it in order; what is left meanwhile, in the next', async () => {
  const done: number[] = []
  atEndOfTurn(() => done.push(1))
  atEndOfTurn(() => {
    done.push(2)
    atEndOfTurn(() => done.push(4))
  })
  atEndOfTurn(() => done.push(3))
  await Promise.resolve()
  assert.deepEqual(done, [], 'within the turn')
  await turn()
  assert.deepEqual(done, [1, 2, 3], 'at its end')
  await turn()
  assert.deepEqual(done, [1, 2, 3, 4], 'at the end of the next')
})
