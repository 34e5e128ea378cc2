import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { runCli } from '../cli/run-cli.ts'
import { startFakeStint } from './fake-stint.ts'
import { isRunning, startRun, until } from './start-run.ts'

const fake = await startFakeStint()
after(() => fake.close())

for (const [mode, flags] of [
  ['in a sandbox', ['--sandbox', 'require']],
  ['without a sandbox', ['--sandbox', 'off']],
] as const) {
  const run = (...command: string[]) => startRun(fake, flags, command).done
  const shell = (script: string) => run('sh', '-c', script)

  describe(mode, () => {
    test('the exit code of the command is that of stint run, and the task is over by then', async () => {
      const { code, stderr } = await shell('exit 7')
      assert.equal(code, 7)
      assert.doesNotMatch(stderr, /the task is over/)
      assert.deepEqual([fake.task().state, fake.task().endReason, fake.task().present], ['ended', 'the command ended', 0])
      assert.equal((await shell('exit 0')).code, 0)
    })

    test('what Stint says is told from what the command says, and a normal end needs no words', async () => {
      const { stderr } = await shell('echo own >&2')
      const lines = stderr.trimEnd().split('\n')
      assert.equal(lines.at(-1), 'own')
      assert.ok(lines.length > 2)
      for (const line of lines.slice(0, -1)) assert.match(line, /^stint: /)
    })

    test('a command ended by a signal is 128 and its number', async () => {
      assert.equal((await shell('kill -9 $$')).code, 137)
      assert.equal((await shell('kill -TERM $$')).code, 143)
    })

    test('a command that is not there is 127, one that cannot be run 126, and the task is over', async () => {
      const missing = await run('no-such-command')
      assert.equal(missing.code, 127)
      assert.match(missing.stderr, /^stint: no-such-command: command not found/m)
      writeFileSync(join(fake.project, 'plain'), 'text')
      const plain = await run('./plain')
      assert.equal(plain.code, 126)
      assert.match(plain.stderr, /^stint: \.\/plain: cannot be run/m)
      writeFileSync(join(fake.project, 'broken'), '#!/no/such/interpreter\n', { mode: 0o755 })
      const broken = await run('./broken')
      assert.equal(broken.code, 126)
      assert.match(broken.stderr, /^stint: \.\/broken: its interpreter/m)
      assert.equal(fake.task().state, 'ended')
    })

    test('arguments, standard input and output arrive as they are', async () => {
      const words = ['a b', '$HOME', '`x`', '"q"', "it's", '', '*', 'ü', '--task']
      assert.equal((await run('printf', '%s\\n', ...words)).stdout, `${words.join('\n')}\n`)
      const input = 'x'.repeat(3_000_000)
      const { stdout } = await startRun(fake, flags, ['cat'], { input }).done
      assert.ok(stdout === input)
    })

    test('signals start at their defaults: a pipe that closes ends its writer', async () => {
      const { stdout, stderr } = await run('bash', '-c', 'yes | head -1; echo $PIPESTATUS; grep SigIgn /proc/self/status')
      assert.match(stdout, /^y\n141\nSigIgn:\t0+\n$/, stderr)
    })

    test('SIGTERM, SIGHUP and SIGINT are handed on once, and the command decides', async () => {
      for (const signal of ['TERM', 'HUP', 'INT'] as const) {
        const ready = join(fake.project, `ready-${mode}-${signal}`)
        const script = `trap 'echo got' ${signal}; trap 'exit 5' USR2; touch '${ready}'; while :; do sleep 0.05; done`
        const started = startRun(fake, flags, ['sh', '-c', script])
        await until(() => existsSync(ready))
        const heard = once(started.child.stdout, 'data')
        started.child.kill(`SIG${signal}`)
        await heard
        started.child.kill('SIGUSR2')
        const { code, stdout } = await started.done
        assert.deepEqual([code, stdout], [5, 'got\n'], signal)
      }
    })

    test('a signal that comes before the command is there ends the run: nothing is run, the task is over, no file is left', async () => {
      const asked = Promise.withResolvers<void>()
      const go = Promise.withResolvers<void>()
      fake.holdStart = () => {
        asked.resolve()
        return go.promise
      }
      try {
        const started = startRun(fake, flags, ['echo', 'ran'], { env: { TMPDIR: fake.project } })
        await asked.promise
        started.child.kill('SIGTERM')
        go.resolve()
        const { code, stdout } = await started.done
        assert.deepEqual([code, stdout, fake.task().state, runDirectories()], [143, '', 'ended', []])
      } finally {
        fake.holdStart = undefined
      }
    })

    test('what the command leaves running is gone when stint run ends', async () => {
      const beat = join(fake.project, `beat-${mode}`)
      const loop = `while :; do echo x >> "${beat}"; sleep 0.02; done`
      const { code } = await shell(
        `(setsid sh -c '${loop}' </dev/null >/dev/null 2>&1 &); while [ ! -s "${beat}" ]; do sleep 0.02; done; exit 2`,
      )
      assert.equal(code, 2)
      const size = statSync(beat).size
      await new Promise((resolve) => setTimeout(resolve, 200))
      assert.equal(statSync(beat).size, size)
    })

    test('SIGKILL of stint run ends the command and its daemons, also what ignores SIGTERM, and presence is lost', async () => {
      const mark = `survivor-${mode}`.replaceAll(' ', '-')
      const deaf = (ready: string) =>
        `trap "" TERM HUP; touch ${join(fake.project, ready)}; while :; do sleep 0.05; done # ${mark}`
      const started = startRun(fake, flags, ['sh', '-c', `setsid sh -c '${deaf(`${mark}-1`)}' & ${deaf(`${mark}-2`)}`])
      await until(() => existsSync(join(fake.project, `${mark}-1`)) && existsSync(join(fake.project, `${mark}-2`)))
      await until(() => fake.task().present === 1)
      assert.ok(isRunning(mark))
      started.child.kill('SIGKILL')
      await until(() => !isRunning(mark) && fake.task().present === 0)
    })

    test('an orphan that ended is no zombie for long', async () => {
      const zombies = `awk '/^State/ { state = $2 } /^PPid/ && state == "Z" && $2 == parent { n++ } END { print n + 0 }'`
      const script = `
        for i in 1 2 3 4 5 6 7 8; do (true & exec true); done
        for i in $(seq 200); do
          [ $(${zombies} parent=$PPID /proc/[0-9]*/status 2>/dev/null) = 0 ] && exit 0
          sleep 0.05
        done
        exit 1`
      const { code, stderr } = await shell(script)
      assert.equal(code, 0, stderr)
    })

    test('the environment leads to the gateway and asks for nothing', async () => {
      const { stdout } = await shell(
        'echo $STINT_TASK; echo $GITHUB_TOKEN; git config --get-all credential.helper; git ls-remote --get-url git@github.com:o/r',
      )
      const [id, placeholder, none, helper, url] = stdout.split('\n')
      assert.deepEqual([id, placeholder, none, url], [fake.task().id, 'stint-placeholder', '', 'https://github.com/o/r'])
      assert.match(helper ?? '', /^!'.*\/bin\/git-credential-stint'$/, 'no helper but the run’s own')
    })

    test('the task is started supervised, with its proof and scope, and its root is this stint run', async () => {
      const started = startRun(
        fake,
        [
          ...flags,
          '--action',
          'github:Issue::*',
          '--ttl',
          '1h',
          '--ticket',
          'T-1',
          '--label',
          'a',
          '--label',
          'b',
          '--owner',
          'ada',
        ],
        ['true'],
      )
      await started.done
      const { keyThumbprint, ...wish } = fake.task().wish
      const proof = mode === 'in a sandbox' ? 'sandbox' : 'process-tree'
      const scope = { targets: ['github'], actions: ['github:Issue::*'], ttlSeconds: 3600 }
      assert.deepEqual(wish, {
        purpose: 'test',
        ...scope,
        ticket: 'T-1',
        labels: ['a', 'b'],
        owner: 'ada',
        supervised: true,
        proof,
      })
      assert.match(String(keyThumbprint), /^[\w-]{43}$/)
      assert.equal(fake.task().root?.pid, started.child.pid)
    })
  })
}

const runDirectories = () => readdirSync(fake.project).filter((name) => name.startsWith('stint-run-'))

test('a server that refuses the task ends stint run with its code, and nothing is run', async () => {
  fake.refuseStart = 'scope_exceeded'
  try {
    const { code, stdout, stderr } = await startRun(fake, [], ['echo', 'ran']).done
    assert.deepEqual([code, stdout], [125, ''])
    assert.match(stderr, /^stint: as told\nnext: /m)
  } finally {
    fake.refuseStart = undefined
  }
})

test('without a server nothing is run, and nothing is left in the temporary directory', async () => {
  await fake.stopApi()
  const { code, stdout, stderr } = await startRun(fake, [], ['echo', 'ran'], { env: { TMPDIR: fake.project } }).done
  await fake.startApi()
  assert.deepEqual([code, stdout], [125, ''])
  assert.match(stderr, /^stint: Stint is not running on this data directory\nnext: .*stint start/m)
  assert.deepEqual(runDirectories(), [])
})

test('a working directory that was removed is said to be', async () => {
  const gone = join(fake.project, 'gone')
  mkdirSync(gone)
  const under = (argv: readonly string[]) => ['sh', '-c', 'rmdir "$PWD"; exec "$@"', 'sh', ...argv]
  const { code, stderr } = await startRun(fake, [], ['true'], { cwd: gone, under }).done
  assert.equal(code, 2)
  assert.match(stderr, /^stint: the working directory has been removed/)
})

test('a run without a target, or without a command, is told what is missing', async () => {
  const noTarget = await runCli(fake.home, 'run', '--task', 'x', '--', 'true')
  assert.equal(noTarget.code, 2)
  assert.match(noTarget.err, /--target <id>/)
  const noCommand = await runCli(fake.home, 'run', '--task', 'x', '--target', 'github')
  assert.equal(noCommand.code, 2)
  assert.match(noCommand.err, /command/)
})

test('a bad argument is refused before anything is asked', async () => {
  const before = fake.tasks.size
  const bad = [
    ['--ttl', 'soon'],
    ['--allow', 'everything'],
    ['--show', '/no/such/file'],
    ['--sandbox', 'maybe'],
    ['--task', ' '],
  ]
  for (const flags of bad) assert.equal((await startRun(fake, flags, ['true']).done).code, 2, flags.join(' '))
  assert.equal(fake.tasks.size, before)
})
