import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { runCommand } from '../../src/credentials/run-command.ts'
import { StintError } from '../../src/errors.ts'
import { temporaryDirectory } from '../store/temporary.ts'

async function run(command: string, timeoutSeconds = 30) {
  const heard: string[] = []
  const options = { what: 'the command', timeoutSeconds, onStderr: (text: string) => heard.push(text) }
  const result = await runCommand(command, options).catch((thrown: unknown) => thrown)
  return { result, heard }
}

function refused({ result }: { result: unknown }, words: RegExp): StintError {
  assert.ok(result instanceof StintError, inspect(result))
  assert.equal(result.code, 'key_unavailable')
  assert.match(result.detail, words)
  return result
}

/** Resolves when the process has ended; a test that waits for ever fails by the runner's own limit. */
async function untilGone(pid: number): Promise<void> {
  while (isRunning(pid)) await delay(10)
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('a command that prints a key', () => {
  test('answers what it printed, and what it said on standard error is heard by the operator', async () => {
    const { result, heard } = await run('printf the-key; echo touch the token >&2')
    assert.deepEqual([result, heard], ['the-key', ['touch the token\n']])
  })

  test('that fails is refused with what it said on standard error, and never with what it printed', async () => {
    const error = refused(await run('echo half-a-key; echo store is locked >&2; exit 3'), /^the command ended with 3$/)
    assert.equal(error.operatorDetail, 'store is locked')
    assert.doesNotMatch(inspect(error), /half-a-key/)
    refused(await run('kill -9 $$'), /SIGKILL/)
    refused(await run('exit 0'), /printed nothing/)
    refused(await run('/does/not/exist'), /ended with 127/)
  })

  test('that prints without end, on either side, is ended', async () => {
    assert.doesNotMatch(inspect(refused(await run('yes secret'), /more than 4096 bytes/)), /secret/)
    refused(await run('yes noise >&2'), /more than 4096 bytes/)
  })

  test('that takes too long is ended, with everything it started', async (t) => {
    const directory = await temporaryDirectory(t)
    const pidFile = join(directory, 'pid')
    refused(await run(`sleep 300 & echo $! > ${pidFile}; wait`, 1), /longer than 1 s/)
    await untilGone(Number(readFileSync(pidFile, 'utf8')))
  })

  test('leaves nothing running behind an answer either', async (t) => {
    const pidFile = join(await temporaryDirectory(t), 'pid')
    const { result } = await run(`sleep 300 >/dev/null 2>&1 & echo $! > ${pidFile}; echo the-key`)
    assert.equal(result, 'the-key\n')
    await untilGone(Number(readFileSync(pidFile, 'utf8')))
  })
})
