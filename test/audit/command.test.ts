import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, test } from 'node:test'
import { Command } from 'commander'
import { createRecorder } from '../../src/audit/record.ts'
import { openSearch } from '../../src/audit/search.ts'
import { createSettle } from '../../src/audit/settle.ts'
import type { CommandContext } from '../../src/cli/command.ts'
import { register } from '../../src/cli/commands/audit.ts'
import { createOutput } from '../../src/cli/output.ts'
import { decided, digest, freshDirectory, NOW, openTestLog } from './rig.ts'

interface Ran {
  readonly out: string
  readonly asked: readonly string[]
}

let home: string
let earlier: string

before(async () => {
  home = freshDirectory()
  mkdirSync(join(home, 'audit'))
  const log = await openTestLog(join(home, 'audit'))
  const now = () => NOW
  const [recorder, settle] = [createRecorder(log, { now, digest }), createSettle(log, { now })]
  const permit = await recorder.record(decided())
  assert.ok(permit)
  settle(permit, { result: 'completed', status: 200, bytesIn: 1, bytesOut: 2, durationMs: 3 })
  await recorder.recordAttempt({ correlationId: 'r', code: 'invalid_token', detail: 'expired' })
  earlier = join(home, 'earlier')
  writeFileSync(earlier, await log.checkpoint())
  await recorder.recordAct({
    action: 'task.end',
    caller: { id: 'operator', proof: 'operator-socket' },
    subject: 'task_01',
    reason: 'done with it',
  })
  await recorder.record(decided({ effect: 'deny' }))
  await recorder.recordSystem('started', 'Stint started')
  await log.close()
})

/** Runs one `stint audit` command line against the log of `home`. */
async function run(...words: string[]): Promise<Ran> {
  const asked: string[] = []
  let out = ''
  const log = await openTestLog(freshDirectory())
  await log.close()
  const items = async () => {
    const source = await openTestLog(join(home, 'audit'))
    const page = await openSearch(source).search({ limit: 100 })
    await source.close()
    return page
  }
  const program = new Command().option('--json').exitOverride()
  const context: CommandContext = {
    env: {},
    home,
    output: createOutput(
      () => program.opts().json === true,
      {
        write: (text: string) => {
          out += text
        },
      },
      { write: () => undefined },
    ),
    call: async (_method, path) => {
      asked.push(path)
      return (await items()) as never
    },
    async *stream(path) {
      asked.push(path)
      yield { ...(await items()).items[0], index: 6 } as never
    },
  }
  register(program, context)
  await program.parseAsync(['audit', ...words], { from: 'user' })
  return { out, asked }
}

describe('stint audit', () => {
  test('search asks for what was named, and lines up who did what', async () => {
    const { out, asked } = await run(
      'search',
      '--task',
      'task 1',
      '--effect',
      'deny',
      '--correlation-id',
      'r',
      '--since',
      '2026-11-22',
      '--limit',
      '7',
    )
    assert.deepEqual(asked, [`/v1/audit/entries?task=task+1&effect=deny&correlationId=r&since=${Date.UTC(2026, 10, 22)}&limit=7`])
    const lines = out.split('\n')
    assert.match(lines[0] ?? '', /^ENTRY +TIME +WHAT +WHO +ON +DETAIL$/)
    assert.match(
      out,
      /^0 +2026-11-22 08:00:00\.000 +allow +task_01 +github-acme github:PullRequest::read repos\/acme\/app\/pulls\/7 +risk 10$/m,
    )
    assert.match(out, /^1 .* completed +task_01 +github-acme github:PullRequest::read +200, 2 B out, 1 B in, 3 ms \(entry 0\)$/m)
    assert.match(out, /^2 .* refused +unproved +invalid_token: expired$/m)
    assert.match(out, /^3 .* done +operator +task\.end task_01 +done with it$/m)
  })

  test('search in JSON gives the page', async () => {
    const { items } = JSON.parse((await run('search', '--json')).out)
    assert.deepEqual(
      items.map(({ kind }: { kind: string }) => kind),
      ['system', 'decision', 'act', 'attempt', 'outcome', 'decision'],
    )
  })

  test('tail shows the newest, oldest first, and goes on from there', async () => {
    const { out, asked } = await run('tail', '--lines', '6', '--target', 'github')
    assert.deepEqual(asked, ['/v1/audit/entries?target=github&limit=6', '/v1/audit/tail?target=github&from=6'])
    assert.deepEqual(
      out
        .trimEnd()
        .split('\n')
        .map((line) => Number(line.trim().split(' ')[0])),
      [0, 1, 2, 3, 4, 5, 6],
    )
  })

  test('bad arguments are refused by name', async () => {
    await assert.rejects(run('search', '--since', 'yesterday'), { code: 'invalid_argument' })
    await assert.rejects(run('search', '--until', '2026-99-99'), { code: 'invalid_argument' })
    await assert.rejects(run('search', '--effect', 'maybe'), { code: 'commander.invalidArgument' })
    await assert.rejects(run('prove', '-1x'), { code: 'commander.unknownOption' })
    await assert.rejects(run('prove', 'x'), { code: 'invalid_argument' })
    await assert.rejects(run('verify', '--key', join(home, 'nowhere')), { code: 'invalid_argument' })
  })

  test('verify says what it covered and what it could not know', async () => {
    const { out } = await run('verify')
    assert.match(out, /^log {9}stint\.test\/audit: verified\nentries {5}6, each one unchanged/)
    assert.match(out, /use --key/)
    assert.match(out, /use --checkpoint/)
    const key = join(home, 'audit', 'public-key')
    assert.match((await run('verify', '--key', key, '--checkpoint', earlier)).out, /extends the one of 3 entries/)
    assert.equal(JSON.parse((await run('verify', '--json')).out).size, 6)
  })

  test('export, then prove and verify on the export', async () => {
    const destination = join(freshDirectory(), 'export')
    assert.match((await run('export', destination)).out, /^6 entries in /)
    await assert.rejects(run('export', destination), { code: 'invalid_argument' })
    assert.match((await run('verify', '--directory', destination)).out, /verified/)
    const file = join(destination, 'entry.tlog-proof')
    assert.match((await run('prove', '4', '--directory', destination, '--out', file)).out, /^Wrote /)
    assert.equal((await run('prove', '4')).out.trimEnd(), readFileSync(file, 'utf8').trimEnd())
    assert.match(
      (await run('verify', '--proof', file, '--key', join(destination, 'public-key'))).out,
      /^Entry 4 is in the log of stint\.test\/audit, which had 6 entries\.\n +4 .* deny/,
    )
    await assert.rejects(run('prove', '6'), { code: 'not_found' })
  })

  test('what was changed is an error with its place', async () => {
    const destination = join(freshDirectory(), 'export')
    await run('export', destination)
    const bundle = join(destination, 'tile/entries/000.p/6')
    writeFileSync(bundle, readFileSync(bundle, 'latin1').replace('"deny"', '"dens"'), 'latin1')
    await assert.rejects(run('verify', '--directory', destination), { code: 'audit_tampered', detail: /^entry 4: / })
    const proof = join(home, 'proof')
    writeFileSync(proof, 'not a proof')
    await assert.rejects(run('verify', '--proof', proof), { code: 'audit_tampered' })
  })
})
