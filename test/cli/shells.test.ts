/** Completion as somebody at a keyboard has it: real shells, a Tab, the real program. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { createFake, type Running, runApi } from '../api/fixture.ts'
import { isInstalled } from '../fakes/world.ts'

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'stint-shells-')))
const at = (name: string) => join(directory, name)
const trap = at('trap')
for (const name of ['bin', 'functions', 'dir/inner']) mkdirSync(at(name), { recursive: true })
symlinkSync(join(import.meta.dirname, '..', '..', 'bin', 'stint.js'), at('bin/stint'))
writeFileSync(at('only-file'), '')
writeFileSync(at('bin/only-command'), '#!/bin/sh\n')
chmodSync(at('bin/only-command'), 0o755)

let api: Running
before(async () => {
  api = await runApi(createFake().verbs)
})
after(async () => {
  await api.stop()
  rmSync(directory, { recursive: true })
})

/** What is typed, and the words that stand there after Tab. */
const LINES: readonly (readonly [typed: string, words: string])[] = [
  ['stint statu', 'stint status'],
  ['stint task en', 'stint task end'],
  ['stint help doc', 'stint help doctor'],
  ['stint task end --rea', 'stint task end --reason'],
  ['stint task end ta', 'stint task end task_1'],
  ['stint task end --reason x ta', 'stint task end --reason x task_1'],
  ['stint run --target or', 'stint run --target orders'],
  ['stint run --target=or', 'stint run --target=orders'],
  ['stint run --sandbox req', 'stint run --sandbox require'],
  ['stint run --sandbox=req', 'stint run --sandbox=require'],
  ['stint run --allow ag', 'stint run --allow agents'],
  ['stint target add gitlab-s', 'stint target add gitlab-self-managed'],
  ['stint target add x --preset gitlab-s', 'stint target add x --preset gitlab-self-managed'],
  ['stint --home /nowhere run --target or', 'stint --home /nowhere run --target or'],
  ['stint revoke --reason only', 'stint revoke --reason only'],
  [`stint run --show ${at('only-f')}`, `stint run --show ${at('only-file')}`],
  [`stint policy test ${at('di')}`, `stint policy test ${at('dir/')}`],
  ['stint run --task x -- only-c', 'stint run --task x -- only-command'],
  [`stint run --task x -- cat ${at('only-f')}`, `stint run --task x -- cat ${at('only-file')}`],
]
const HOSTILE = `stint revoke --reason "$(touch ${trap})" --task ta`

const environment = () => ({
  PATH: `${at('bin')}:${dirname(process.execPath)}:/usr/bin:/bin`,
  HOME: directory,
  STINT_HOME: api.home,
  TERM: 'dumb',
  LC_ALL: 'C.UTF-8',
})

/** Types into a shell at a terminal: each line with Tab, then Enter; what `stint` would have been given is printed instead. */
async function typeInto(start: string, setup: string, lines: readonly string[]): Promise<string[]> {
  const stub = `stint() { if [ "$1" = complete ]; then command stint "$@"; else printf '[stint'; printf ' %s' "$@"; echo ']'; fi; }`
  const shell = spawn('script', ['-qec', start, '/dev/null'], { env: environment(), stdio: ['pipe', 'pipe', 'inherit'] })
  const typed = [setup, stub, ...lines.map((line) => `${line}\t`), `${HOSTILE}\t\x15`, 'exit'].map((line) => `${line}\n`)
  shell.stdin.on('error', () => {})
  shell.stdin.write(typed.join(''))
  const seen = await text(shell.stdout)
  return [...seen.matchAll(/^\[(stint [^\]\n]*?)\]\r?$/gm)].map(([, words = '']) => words)
}

/** What fish offers for each line. */
async function askFish(lines: readonly string[]): Promise<string[][]> {
  const asked = lines.map((line) => `complete -C '${line}'; echo ---`)
  const program = ['stint completion fish | source', ...asked].join('; ')
  const fish = spawn('fish', ['--no-config', '-c', program], { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
  const blocks = (await text(fish.stdout)).split('---\n').slice(0, -1)
  return blocks.map((block) => block.split('\n').flatMap((line) => line.split('\t')[0] || []))
}

const missing = (...programs: string[]) => {
  const absent = programs.filter((program) => !isInstalled(program))
  return absent.length > 0 && `${absent.join(' and ')} not installed`
}

describe('Tab completes what stint would be given, and runs nothing of the line', { concurrency: false }, () => {
  const typed = LINES.map(([line]) => line)
  const words = LINES.map(([, line]) => line)

  test('in bash', { skip: missing('bash', 'script') }, async () => {
    const setup = "PS1=; bind 'set bell-style none'; source <(stint completion bash)"
    assert.deepEqual(await typeInto('bash --norc --noprofile -i', setup, typed), words)
    assert.equal(existsSync(trap), false)
  })

  test('in zsh, sourced', { skip: missing('zsh', 'script') }, async () => {
    const setup = 'PS1=; unsetopt beep auto_remove_slash; autoload -U compinit; compinit -u -D; source <(stint completion zsh)'
    assert.deepEqual(await typeInto('zsh -f -i', setup, typed), words)
    assert.equal(existsSync(trap), false)
  })

  test('in zsh, as a function on its path', { skip: missing('zsh', 'script') }, async () => {
    const setup = `PS1=; stint completion zsh > ${at('functions/_stint')}; fpath+=(${at('functions')}); autoload -U compinit; compinit -u -D`
    assert.deepEqual(await typeInto('zsh -f -i', setup, typed.slice(0, 3)), words.slice(0, 3))
  })

  test('in fish', { skip: missing('fish') }, async () => {
    const expected = LINES.map(([line, whole]) => (line === whole ? [] : [whole.split(' ').at(-1)]))
    assert.deepEqual(await askFish([...typed, HOSTILE]), [...expected, ['task_1']])
    assert.equal(existsSync(trap), false)
  })
})
