import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, test } from 'node:test'
import { type CaughtSignals, catchSignals } from '../../src/run/signals.ts'

let signals: CaughtSignals
beforeEach(() => {
  signals = catchSignals()
})
afterEach(() => signals.release())

async function receive(signal: NodeJS.Signals): Promise<void> {
  const heard = once(process, signal)
  process.kill(process.pid, signal)
  await heard
}

test('a signal that comes before there is a command interrupts, and says which it was', async () => {
  assert.equal(signals.interrupted.aborted, false)
  await receive('SIGHUP')
  assert.deepEqual([signals.interrupted.aborted, signals.interrupted.reason], [true, 'SIGHUP'])
})

test('a signal goes to the command from the turn on in which it is started, also one that came in that turn', async () => {
  const sent: NodeJS.Signals[] = []
  const heard = once(process, 'SIGTERM')
  process.kill(process.pid, 'SIGTERM')
  signals.forward((signal) => sent.push(signal))
  await heard
  await receive('SIGUSR1')
  assert.deepEqual(sent, ['SIGTERM', 'SIGUSR1'])
  assert.equal(signals.interrupted.aborted, false)
})

test('when the command is over nobody is told any more', async () => {
  const sent: NodeJS.Signals[] = []
  signals.forward((signal) => sent.push(signal))
  signals.forward(undefined)
  await receive('SIGHUP')
  assert.deepEqual(sent, [])
})
