import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { stringify } from 'yaml'
import type { RotationListing } from '../../src/api/verbs.ts'
import { type Legacy, startLegacy } from '../credentials/rotation/legacy.ts'
import { recipeAt } from '../credentials/rotation/recipe-example.ts'
import { type Finished, type Installation, startStint } from '../fakes/stint.ts'

const FIRST = 'first-key-of-the-account'
/** Asks without a pause until it is told to stop; says how often, and which statuses came. An ordinary program. */
const ASKER = `
let stop = false
let count = 0
process.stdin.on('data', () => { stop = true })
const seen = new Set()
while (!stop) {
  seen.add(await fetch(process.argv[2]).then((answer) => answer.text().then(() => answer.status), (error) => String(error.cause)))
  count += 1
  if (count === 20) console.log('asking')
}
console.log(JSON.stringify({ count, seen: [...seen] }))
process.exit(0)
`

let stint: Installation
let legacy: Legacy
const recipeFile = (): string => join(stint.home, '..', 'recipe.yaml')

async function run(...args: readonly string[]): Promise<Finished> {
  const done = await stint.cli(args)
  assert.equal(done.code, 0, `stint ${args.join(' ')}: ${done.stderr}`)
  return done
}

async function refused(...args: readonly string[]): Promise<string> {
  const { code, stderr } = await stint.cli(args)
  assert.notEqual(code, 0)
  return stderr
}

before(async () => {
  legacy = await startLegacy(FIRST)
  stint = await startStint()
  assert.equal((await stint.cli(['credential', 'add', 'legacy-key'], FIRST)).code, 0)
  const at = ['--host', legacy.origin, '--private-network', '127.0.0.1/32']
  await run('target', 'add', 'legacy', ...at, '--credential', 'legacy-key', '--environment', 'development')
  writeFileSync(recipeFile(), stringify(recipeAt(legacy.origin, { graceSeconds: 1 })))
})
after(async () => {
  await stint.stop()
  await legacy.close()
})

describe('stint credential rotate', () => {
  test('needs a recipe, and says what is wrong with one', async () => {
    assert.match(await refused('credential', 'rotate', 'legacy-key'), /legacy-key has no recipe/)
    const wrong = join(stint.home, '..', 'wrong.yaml')
    writeFileSync(wrong, stringify({ ...recipeAt(legacy.origin), undo: true }))
    assert.match(await refused('credential', 'recipe', 'legacy-key', '--file', wrong), /undo/)
    writeFileSync(wrong, stringify({ ...recipeAt('http://127.0.0.1:1') }))
    assert.match(
      await refused('credential', 'recipe', 'legacy-key', '--file', wrong),
      /make\.request\.url: .* is no host of legacy/,
    )
    writeFileSync(wrong, 'target: [')
    assert.match(await refused('credential', 'recipe', 'legacy-key', '--file', wrong), /cannot be read/)
  })

  test('changes the key under a running task, of whose requests none fails, and the old one is proved dead', async (t) => {
    await run('credential', 'recipe', 'legacy-key', '--file', recipeFile(), '--every', '30d')
    const script = join(stint.home, '..', 'asker.mjs')
    writeFileSync(script, ASKER)
    const node = [process.execPath, script, `${legacy.origin}/v1/orders`]
    const wish = ['--target', 'legacy', '--action', '*', '--task', 'ask', '--sandbox', 'off']
    const asker = stint.spawn(['run', ...wish, '--', ...node], { stdio: ['pipe', 'pipe', 'inherit'] })
    t.after(() => asker.kill())
    let said = ''
    asker.stdout?.on('data', (chunk) => (said += chunk))
    while (!said.includes('asking')) await Promise.race([once(asker.stdout ?? asker, 'data'), failedBy(asker)])
    const rotated: RotationListing = JSON.parse((await run('credential', 'rotate', 'legacy-key', '--wait', '--json')).stdout)
    asker.stdin?.write('stop\n')
    await once(asker, 'close')
    assert.equal(rotated.state, 'dead')
    assert.deepEqual(legacy.refused, [])
    assert.deepEqual(JSON.parse(said.trim().split('\n').at(-1) ?? '').seen, [200])
    assert.deepEqual([...legacy.keys.keys()], ['2'])
    assert.equal(legacy.keys.get('2')?.name, `stint ${rotated.id}`)
  })

  test('shows the evidence, the acts are in the log, and the metrics say that nothing is late', async () => {
    const { stdout } = await run('credential', 'rotation', 'legacy-key')
    assert.match(stdout, /^state +dead$/m)
    assert.equal(stdout.match(/the old key was refused/g)?.length, 3)
    assert.match((await run('credential', 'recipe', 'legacy-key')).stdout, /^its key there +2$/m)
    const found = JSON.parse((await run('audit', 'search', '--kind', 'act', '--json', '--limit', '100')).stdout)
    const acts = (found.items as { action: string }[]).map(({ action }) => action).filter((one) => one.includes('Rotation'))
    assert.deepEqual(
      [...new Set(acts)].toSorted(),
      ['begin', 'dead', 'make', 'retire', 'store'].map((one) => `stint:Rotation::${one}`),
    )
    const metrics = await (await fetch(`http://127.0.0.1:${stint.apiPort}/metrics`)).text()
    assert.match(metrics, /^stint_rotations_late 0$/m)
    assert.match(metrics, /^stint_rotation_overdue_seconds 0$/m)
  })

  test('of a key that the target keeps alive goes on after a restart, and is never called dead', async () => {
    legacy.lies = true
    const begun: RotationListing = JSON.parse((await run('credential', 'rotate', 'legacy-key', '--json')).stdout)
    await untilShown(/^last attempt +the target said that the key is ended, and it still works/m)
    assert.match(await refused('credential', 'remove', 'legacy-key'), /under way/)
    stint.server.kill('SIGKILL')
    await stint.restart()
    assert.match((await run('credential', 'rotation', 'legacy-key')).stdout, /^state +retiring/m)
    legacy.lies = false
    await untilShown(/^state +dead$/m)
    assert.match((await run('credential', 'rotation', 'legacy-key')).stdout, new RegExp(begun.id))
    assert.deepEqual([...legacy.keys.keys()], ['3'])
  })

  test('without a recipe any more leaves the credential as it is', async () => {
    await run('credential', 'recipe', 'legacy-key', '--remove')
    assert.match(await refused('credential', 'rotate', 'legacy-key'), /has no recipe/)
    assert.match((await run('credential', 'list')).stdout, /^legacy-key /m)
  })
})

async function untilShown(words: RegExp): Promise<void> {
  for (const until = Date.now() + 30_000; !words.test((await run('credential', 'rotation', 'legacy-key')).stdout); )
    assert.ok(Date.now() < until, `in 30 s not: ${words}`)
}

async function failedBy(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'close')
  throw new Error(`it ended with ${code}`)
}
