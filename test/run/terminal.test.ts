import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startFakeStint } from './fake-stint.ts'
import { type Started, startRun } from './start-run.ts'

const fake = await startFakeStint()
after(() => fake.close())

/** Runs in a terminal of its own. */
function inTerminal(flags: readonly string[], command: readonly string[]): Started {
  const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
  return startRun(fake, flags, command, {
    keepInput: true,
    under: (argv) => ['script', '-qec', `exec ${argv.map(quote).join(' ')}`, '/dev/null'],
  })
}

/** Writes `keys` when `mark` has been printed. */
function type(run: Started, mark: string, keys: string): void {
  let seen = ''
  run.child.stdout.on('data', function wait(chunk) {
    seen += String(chunk)
    if (!seen.includes(mark)) return
    run.child.stdout.off('data', wait)
    run.child.stdin.write(keys)
  })
}

for (const mode of ['require', 'off'] as const) {
  const flags = ['--sandbox', mode]

  test(`--sandbox ${mode}: the command has the terminal on all three descriptors, and as its own`, async () => {
    const run = inTerminal(flags, [
      'sh',
      '-c',
      'test -t 0 && test -t 1 && test -t 2 && echo on-terminal > /dev/tty; stty size >/dev/null && echo sized',
    ])
    const { code, stdout } = await run.done
    assert.equal(code, 0)
    assert.match(stdout, /on-terminal\r\nsized\r\n/)
  })

  test(`--sandbox ${mode}: Ctrl-C reaches the command once, and it may go on`, async () => {
    const script = `trap 'echo interrupted' INT; echo ready; while :; do read -r line && break; done; echo line=$line; exit 4`
    const run = inTerminal(flags, ['sh', '-c', script])
    type(run, 'ready', '\x03')
    type(run, 'interrupted', 'typed\n')
    const { code, stdout } = await run.done
    assert.match(stdout, /line=typed/)
    assert.equal(stdout.match(/interrupted/g)?.length, 1, stdout)
    assert.equal(code, 4)
    assert.equal(fake.task().endReason, 'the command ended')
  })

  test(`--sandbox ${mode}: Ctrl-C ends a command that does not handle it`, async () => {
    const run = inTerminal(flags, ['sh', '-c', 'echo ready; exec sleep 60'])
    type(run, 'ready', '\x03')
    assert.equal((await run.done).code, 130)
  })
}
