import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import type { Receipt } from '../../src/killswitch.ts'
import { startSecond } from '../fakes/second-stint.ts'
import { type Severable, startSeverable } from '../fakes/severable.ts'
import { finish, type Installation } from '../fakes/stint.ts'
import { downloading, firstOutput, openWorld, type World } from '../fakes/world.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()

/** Asks again and again, and prints a line for each answer. */
const asking = (url: string): string[] => {
  const script = `
    for (;;) {
      const said = await fetch(process.argv[1]).then(async (r) => r.status + ' ' + (await r.text()), String)
      console.log(said.replaceAll('\\n', ' '))
      await new Promise((later) => setTimeout(later, 50))
    }`
  return [process.execPath, '--input-type=module', '-e', script, url]
}

describe('G4: a gateway that cannot hear about revocations refuses everything', { skip: postgres.skip }, () => {
  let world: World
  let second: Installation
  let wire: Severable
  before(async () => {
    const url = new URL(await postgres.running.createDatabase())
    const more = { STINT_RUNNER_GRACE: '300' } // else the others end what a silent gateway started
    world = await openWorld({ STINT_DATABASE_URL: url.href, ...more })
    wire = await startSeverable(Number(url.port))
    url.port = String(wire.port)
    second = await startSecond(world.stint, { STINT_DATABASE_URL: url.href, ...more })
  })
  after(async () => {
    wire?.mend()
    await second?.stop()
    await world?.close()
    wire?.close()
  })
  const runOnSecond = (command: readonly string[]): ChildProcess => {
    const wish = ['--task', 'exercise the second', '--target', 'api', '--ttl', '5m']
    return second.spawn(['run', ...wish, '--', ...command], { cwd: world.workspace, stdio: ['pipe', 'pipe', 'pipe'] })
  }

  test('cut off from the database, it cuts what is open and lets nothing through; the receipt of another names it; then it serves again', async (t) => {
    const asker = runOnSecond(asking(`${world.apiUrl}/issues`))
    t.after(() => asker.kill())
    assert.ok(asker.stdout !== null)
    const lines = createInterface(asker.stdout)[Symbol.asyncIterator]()
    const next = async (): Promise<string> => (await lines.next()).value ?? 'the asker ended'
    const until = async (words: RegExp): Promise<void> => {
      for (let said = await next(); !words.test(said); said = await next()) assert.match(said, /^(200|503|\w*Error)/)
    }
    await until(/kettle/)
    const download = runOnSecond(downloading(`${world.apiUrl}/endless`))
    await firstOutput(download)

    wire.sever()
    const selector = { kind: 'target', id: 'code' }
    const { gateways, unconfirmed } = await world.call<Receipt>('POST', '/v1/revocations', { selector, reason: 'drill' })
    const servedByThen = world.api.served.length
    assert.deepEqual([gateways.length, unconfirmed.length], [1, 1])
    assert.notEqual((await finish(download)).code, 0)
    await until(/cut_off/)
    for (let at = 0; at < 10; at += 1) assert.match(await next(), /cut_off/)
    assert.equal(world.api.served.length, servedByThen, 'nothing reached the target after the receipt')
    assert.equal(world.api.open, 0)

    wire.mend()
    await until(/kettle/)
    const again = await world.call<Receipt>('POST', '/v1/revocations', { selector, reason: 'drill' })
    assert.deepEqual([again.gateways.length, again.unconfirmed.length], [2, 0])
  })
})
