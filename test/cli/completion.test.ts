import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { createFake, type Fake, type Running, runApi } from '../api/fixture.ts'
import { runCli } from './run-cli.ts'

describe('completion', () => {
  let fake: Fake
  let api: Running
  before(async () => {
    fake = createFake()
    api = await runApi(fake.verbs)
  })
  after(() => api.stop())
  const complete = async (...words: string[]): Promise<string[]> => {
    const { out } = await runCli(api.home, 'complete', '--', ...words)
    const [also, ...values] = out.trimEnd().split('\n')
    return [...(also === 'nothing' ? [] : [`(${also})`]), ...values.map((line) => line.replace(/\t.*/, ''))]
  }

  test('offers commands, and below a command what belongs there', async () => {
    assert.ok((await complete('')).includes('doctor'))
    assert.deepEqual(await complete('doc'), ['doctor'])
    assert.ok((await complete('task', '')).includes('end'))
    assert.ok(!(await complete('')).includes('complete'))
  })

  test('offers options, those of every command included, and the values of those that have a list', async () => {
    assert.deepEqual(await complete('task', 'end', '--r'), ['--reason'])
    assert.ok((await complete('task', 'end', '-')).includes('--json'))
    assert.deepEqual(await complete('task', 'list', '--state', 'e'), ['ended', 'expired'])
    assert.deepEqual(await complete('task', 'list', '--state', '=', 'e'), ['ended', 'expired'])
    assert.deepEqual(await complete('completion', 'z'), ['zsh'])
  })

  test('offers the names of tasks and targets that exist now', async () => {
    assert.deepEqual(await complete('task', 'end', ''), ['task_1'])
    assert.deepEqual(await complete('task', 'end', '--reason', 'x', ''), ['task_1'])
    assert.deepEqual(await complete('--home', api.home, 'revoke', '--target', 'o'), ['orders'])
  })

  test('takes words that are no name of anything for what they are', async () => {
    assert.deepEqual(await complete('revoke', '--reason', ''), [])
    assert.deepEqual(await complete('run', '--task', ''), [])
    assert.deepEqual(await complete('run', '--', 'git', ''), ['(command)'])
    assert.deepEqual(await complete('task', 'list', '--', ''), [])
    assert.deepEqual(await complete('nonsense', 'x', '--wat', ''), [])
  })

  test('says where files belong, and after which word a command’s own words begin', async () => {
    assert.deepEqual(await complete('run', '--show', ''), ['(files)'])
    assert.deepEqual(await complete('audit', 'verify', '--key', 'k'), ['(files)'])
    assert.deepEqual(await complete('policy', 'test', ''), ['(files)'])
    assert.deepEqual(await complete('run', '--task', 'x', '--', ''), ['(command)'])
    assert.deepEqual(await complete('run', '--task', '--', ''), await complete('run', '--task', 'x', ''))
  })

  test('offers a name with what tells it from others, and none that a shell would read as more than a word', async () => {
    const purpose = 'read\tmy\nissues \u001b[31m'
    const list = fake.verbs.tasks.list
    fake.verbs.tasks.list = async (...given) => {
      const page = await list(...given)
      const [task] = page.items
      assert.ok(task)
      return {
        ...page,
        items: [
          { ...task, purpose },
          { ...task, id: 'task_$(reboot)' },
          { ...task, id: 'a b' },
        ],
      }
    }
    const { out } = await runCli(api.home, 'complete', '--', 'task', 'end', '')
    fake.verbs.tasks.list = list
    assert.equal(out, 'nothing\ntask_1\tread my issues \\u{1b}[31m\n')
  })

  test('offers nothing, and no error, when the server cannot be asked', async () => {
    const { code, out, err } = await runCli('/nowhere', 'complete', '--', 'task', 'end', '')
    assert.deepEqual([code, out, err], [0, 'nothing\n', ''])
  })

  test('in bash completes what is typed, and runs nothing of it', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'stint-bash-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const { out } = await runCli(api.home, 'completion', 'bash')
    const trap = join(directory, 'ran')
    const program = join(directory, 'program.sh')
    writeFileSync(
      program,
      `stint() { printf '%s\\n' "$@" >&3; printf 'nothing\\ntask_1\\tone\\ntask_2\\ttwo\\n'; }
exec 3>${directory}/words
${out}
COMP_WORDS=(stint revoke --reason '"$(touch ${trap})"' '\`touch ${trap}\`' --task ''); COMP_CWORD=6
_stint
printf '%s\\n' "\${COMPREPLY[@]}"`,
    )
    const { stdout } = await promisify(execFile)('bash', [program])
    assert.deepEqual(stdout.trim().split('\n'), ['task_1', 'task_2'])
    assert.equal(existsSync(trap), false)
  })
})
