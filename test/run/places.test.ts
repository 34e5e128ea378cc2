/** Where a sandboxed command may be and work: programs in places that are empty inside, working directories of every kind. */
import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { startFakeStint } from './fake-stint.ts'
import { scratch } from './scratch.ts'
import { type RunOptions, startRun } from './start-run.ts'

const fake = await startFakeStint()
after(() => fake.close())
const { at, put } = scratch()
put('tool/bin/tool', '#!/bin/sh\ncat "$(dirname "$0")/../data"\n')
put('tool/data', 'data')
put('x/script', '#!/bin/sh\necho "$PWD"\n')
put('x/odd', `#!${at('tool/bin/interpreter')}\n`)
put('tool/bin/interpreter', '#!/bin/sh\necho interpreted\n')
put('x/broken', '#!/no/such/interpreter\n')
put('x/empty', '')
mkdirSync(at('x/deep'))
symlinkSync('x', at('link'))

const run = (command: readonly string[], options: RunOptions = {}, flags: readonly string[] = []) =>
  startRun(fake, ['--sandbox', 'require', ...flags], command, options).done

describe('programs', () => {
  test('of the working directory start, wherever that is and by whatever name it was entered', async () => {
    for (const cwd of ['x', 'link']) assert.equal((await run(['./script'], { cwd: at(cwd) })).stdout, `${at('x')}\n`)
    assert.equal((await run(['./empty'], { cwd: at('x') })).code, 0)
  })

  test('of another directory start with what belongs to them, by path and by PATH, and can change none of it', async () => {
    assert.equal((await run(['../script'], { cwd: at('x/deep') })).stdout, `${at('x/deep')}\n`)
    assert.equal((await run([at('tool/bin/tool')])).stdout, 'data')
    const env = { PATH: `${at('tool/bin')}:${process.env.PATH}` }
    assert.equal((await run(['tool'], { env })).stdout, 'data')
    put('tool/bin/change', '#!/bin/sh\necho changed > "$(dirname "$0")/../data"\n')
    const { code, stderr } = await run(['change'], { env })
    assert.match(stderr, /Read-only file system/)
    assert.notEqual(code, 0)
  })

  test('of a cache in the home start', async () => {
    const tool = put(join(fake.user, '.cache/env/bin/tool'), '#!/bin/sh\necho cached\n')
    assert.equal((await run([tool])).stdout, 'cached\n')
  })

  test('bring no socket in sight', async () => {
    const server = createServer((socket) => socket.end('reached')).listen(at('tool/socket'))
    try {
      put('tool/bin/call', `#!/bin/sh\ncurl -sS --unix-socket ${at('tool/socket')} http://x/ 2>&1\n`)
      assert.match((await run([at('tool/bin/call')])).stdout, /connect/i)
    } finally {
      server.close()
    }
  })
})

describe('one line says why a program that is there does not start, and what would show it', () => {
  const cases: [string, () => string, RegExp, number][] = [
    [
      'it is hidden',
      () => put(join(fake.user, '.ssh/tool'), '#!/bin/sh\n'),
      /tool is in ~\/\.ssh, which is hidden; --allow ssh shows it\n$/,
      126,
    ],
    [
      'it is in the data directory',
      () => put(join(fake.home, 'tool'), '#!/bin/sh\n'),
      /is in Stint’s data directory, which no command sees/,
      126,
    ],
    [
      'its interpreter does not show',
      () => './odd',
      /interpreter does not show in the sandbox; --show \S+\/tool shows it\n$/,
      126,
    ],
    [
      'its interpreter is not there',
      () => './broken',
      /\.\/broken: its interpreter \/no\/such\/interpreter is not in the sandbox\n$/,
      126,
    ],
    ['there is none', () => './none', /\.\/none: command not found in the sandbox\n$/, 127],
    ['it is a directory', () => '.', /\.: command not found in the sandbox\n$/, 127],
  ]
  for (const [name, command, message, exit] of cases)
    test(name, async () => {
      const { code, stderr, stdout } = await run([command()], { cwd: at('x') })
      assert.deepEqual([code, stdout], [exit, ''], stderr)
      assert.match(stderr, message)
    })

  test('and --show shows it', async () => {
    assert.equal((await run(['./odd'], { cwd: at('x') }, ['--show', at('tool')])).stdout, 'interpreted\n')
    const missing = await run(['./odd'], { cwd: at('x') }, ['--show', at('nowhere')])
    assert.match(missing.stderr, /^stint: --show .*nowhere: there is no such file/)
  })
})
