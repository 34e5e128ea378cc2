import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { verifyDirectory } from '../../src/audit/verify.ts'
import { freshDirectory, note, openTestLog, SIGNER, textsOf } from '../audit/rig.ts'

const APPENDER = join(import.meta.dirname, '../audit/appender.ts')
const PEM = SIGNER.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

/** Lets the appender run until it has acknowledged `lines` entries, and kills it with SIGKILL in the middle of its work. */
async function appendUntilKilled(directory: string, name: string, lines: number): Promise<[index: number, text: string][]> {
  const child = spawn(process.execPath, [APPENDER, directory, name, PEM], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const acknowledged: [number, string][] = []
  for await (const line of createInterface(child.stdout)) {
    const [, index, text] = /^(\d+) (.*)$/.exec(line) ?? []
    // The last line may have been cut off by the kill.
    if (index !== undefined && text?.startsWith(`${name} `)) acknowledged.push([Number(index), text])
    if (acknowledged.length === lines) child.kill('SIGKILL')
  }
  const [, signal] = await exited
  assert.equal(signal, 'SIGKILL')
  return acknowledged
}

test('G12: killed again and again while it appends, the log has every entry it acknowledged, and verifies', async () => {
  const directory = freshDirectory()
  const acknowledged = new Map<number, string>()
  let earlier: string | undefined
  for (const [round, lines] of [1, 40, 300, 7, 900, 120].entries()) {
    for (const [index, text] of (await appendUntilKilled(directory, `round ${round}`, lines)).slice(0, -1)) {
      assert.ok(!acknowledged.has(index), `index ${index} was given twice`)
      acknowledged.set(index, text)
    }
    const log = await openTestLog(directory)
    const texts = await textsOf(log)
    for (const [index, text] of acknowledged) assert.equal(JSON.parse(texts[index] ?? '{}').detail, JSON.parse(note(text)).detail)
    await log.close()
    const verified = await verifyDirectory(directory, { earlier, threads: 1 })
    assert.ok(verified.ok, JSON.stringify(verified))
    const again = await openTestLog(directory)
    earlier = await again.checkpoint()
    await again.close()
  }
  assert.ok(acknowledged.size > 1300)
})
