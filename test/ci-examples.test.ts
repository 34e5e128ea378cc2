import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parse } from 'yaml'
import { alnum } from '../src/scanner/sample.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (name: string): string => readFileSync(join(ROOT, name), 'utf8')
const action = parse(read('action.yml'))
const examples = [...read('docs/scanning.md').matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => parse(text))
const base = mkdtempSync(join(tmpdir(), 'stint-ci-'))
after(() => rmSync(base, { recursive: true, force: true }))

/** What an input is unless it is given, and a directory in which a secret lies, beside Stint. */
const defaults = Object.fromEntries(Object.entries<{ default: string }>(action.inputs).map(([name, one]) => [name, one.default]))
const project = join(base, 'project')
mkdirSync(project)
symlinkSync(ROOT, join(base, 'stint'))
writeFileSync(join(project, 'a.env'), `T=github_pat_${alnum(22)}_${alnum(59)}`)

/** Runs a step as a runner does: the lines under bash, with these variables and no other of ours. */
function run(script: string, env: Readonly<Record<string, string>>): number | null {
  const { status, stderr } = spawnSync('bash', ['-e', '-c', script], {
    cwd: project,
    env: { PATH: process.env.PATH, HOME: base, ...env },
  })
  assert.ok(status !== null && status < 2, String(stderr))
  return status
}

/** The step of the action that scans, with these inputs. */
function scanWith(inputs: Readonly<Record<string, string>>) {
  const given: Readonly<Record<string, string>> = { ...defaults, ...inputs }
  const temporary = mkdtempSync(join(base, 'runner-'))
  const step = action.runs.steps.find(({ id }: { id?: string }) => id === 'scan')
  const own = Object.entries<string>(step.env).map(([name, value]) => {
    const input = /^\$\{\{ inputs\.([\w-]+) \}\}$/.exec(value)?.[1] ?? assert.fail(value)
    return [name, given[input] ?? assert.fail(`there is no input ${input}`)]
  })
  const runner = { RUNNER_TEMP: temporary, GITHUB_ACTION_PATH: ROOT, GITHUB_OUTPUT: join(temporary, 'output') }
  const status = run(step.run, { ...runner, ...Object.fromEntries(own) })
  const report = /^report=(.*)$/m.exec(readFileSync(runner.GITHUB_OUTPUT, 'utf8'))?.[1] ?? ''
  return { status, report: readFileSync(report, 'utf8'), left: readdirSync(temporary).sort() }
}

describe('the action', () => {
  test('fails for a secret and leaves its report, SARIF unless another is asked for', () => {
    const { status, report, left } = scanWith({})
    assert.equal(status, 1)
    assert.equal(JSON.parse(report).runs[0].results.length, 1)
    assert.deepEqual(left, ['output', 'stint', 'stint.sarif'])
  })

  test('takes its inputs as words, whatever they hold, and leaves no key behind', () => {
    const odd = join(base, 'a "b" $(touch pwned) `c`.csv')
    const key = Buffer.alloc(32, 7).toString('base64')
    const { status, left } = scanWith({
      path: '$(touch pwned)',
      format: 'csv',
      output: odd,
      'fingerprint-key': key,
      ...nothingThere(),
    })
    assert.equal(status, 0)
    assert.deepEqual(left, ['output'])
    assert.ok(!readdirSync(project).includes('pwned') && !readdirSync(base).includes('pwned'))
  })

  test('puts no input into a script, takes each of its inputs, and needs no other action', () => {
    for (const { run, uses } of action.runs.steps) {
      assert.equal(uses, undefined)
      assert.doesNotMatch(run, /\$\{\{/)
    }
    const { env } = action.runs.steps.find(({ id }: { id?: string }) => id === 'scan')
    assert.deepEqual(
      Object.values(env).sort(),
      Object.keys(action.inputs)
        .map((name) => `\${{ inputs.${name} }}`)
        .sort(),
    )
  })
})

/** A path that is odd and there, with nothing in it. */
function nothingThere(): Readonly<Record<string, string>> {
  const path = '-- $(touch pwned)'
  mkdirSync(join(project, path), { recursive: true })
  return { path }
}

describe('the examples of docs/scanning.md', () => {
  test('of GitHub pin what is others’, and give the action inputs that it has', () => {
    const { jobs } = examples.find((one) => one.jobs !== undefined) ?? assert.fail('there is none')
    const { steps } = jobs.secrets
    for (const { uses } of steps) assert.match(uses, /@[0-9a-f]{40}$/)
    const stint = steps.find(({ id }: { id?: string }) => id === 'stint')
    for (const name of Object.keys(stint.with)) assert.ok(name in action.inputs, name)
    const [output] = /(?<=steps\.stint\.outputs\.)\w+/.exec(steps.at(-1).with.sarif_file) ?? []
    assert.ok(output !== undefined && output in action.outputs)
  })

  test('of GitLab write the report that they hand over', () => {
    const { secrets } = examples.find((one) => one.secrets !== undefined) ?? assert.fail('there is none')
    assert.equal(run(secrets.script.join('\n'), {}), 1)
    const report = JSON.parse(readFileSync(join(project, secrets.artifacts.reports.secret_detection), 'utf8'))
    assert.equal(report.vulnerabilities.length, 1)
    const [installing] = secrets.before_script.filter((line: string) => line.startsWith('npm ci'))
    assert.ok(action.runs.steps[0].run.endsWith(/ --omit=.*$/.exec(installing)?.[0] ?? assert.fail()))
  })
})
