import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page } from '../../src/api/verbs.ts'
import { createClient } from '../../src/cli/client.ts'
import type { Opening } from '../../src/glass/opening.ts'
import { type Holder, startHolder } from '../fakes/holder.ts'
import { type People, personId, startPeople } from '../fakes/people.ts'
import { startSecond } from '../fakes/second-stint.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, succeed } from '../fakes/world.ts'
import { startPostgres } from '../services/postgres.ts'

const postgres = await startPostgres()
const SECRET = `upstream-key-${crypto.randomUUID()}`

describe('G14: an opening holds at all gateways, and so does its end', { skip: postgres.skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'stint-sealed-two-'))
  const stints: Installation[] = []
  let core: Upstream
  let people: People
  let holder: Holder
  const callAt = (at: number) => createClient(() => stints[at]?.home ?? '').call
  const passes = async (): Promise<boolean> => /^HTTP\/1\.1 200/.test(await holder.ask(`https://localhost:${core.port}/`))
  const find = (at: number, id: string) => callAt(at)<Opening>('GET', `/v1/openings/${id}`)

  before(async () => {
    core = await startUpstream(directory, SECRET, (_, answer) => answer.end('done'))
    const approvers = JSON.stringify({ oncall: ['bea', 'cem'].map(personId) })
    const env = { STINT_DATABASE_URL: await postgres.running.createDatabase(), STINT_APPROVERS: approvers }
    const first = await startStint(env)
    stints.push(first)
    people = await startPeople(first, callAt(0), ['bea', 'cem'])
    await succeed(first.cli(['target', 'add', 'core', '--environment', 'development', ...declared(core)]))
    stints.push(await startSecond(first, env))
    const terms = ['--target', 'core', '--open-by', '2 of role:oncall', '--for', '10m', '--no-rotation']
    await succeed(first.cli(['credential', 'seal', 'key', ...terms], SECRET))
    holder = await startHolder(first, { targets: ['core'], actions: ['http:GET'] })
  })
  after(async () => {
    people?.close()
    for (const one of stints) await one.stop()
    await core?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  test('asked for at one and closed at the other, it is open once and closed at both when that answers', async () => {
    assert.equal(await passes(), false)
    const wish = { taskId: holder.task.id, reason: 'it burns' }
    const { id, approvalId } = await callAt(0)<Opening>('POST', '/v1/seals/key/openings', wish)
    for (const name of ['bea', 'cem']) await people.as(name, 'POST', `/v1/approvals/${approvalId}/grant`, {})
    while (!(await passes())) assert.notEqual((await find(0, id)).state, 'lapsed')
    const { state } = await callAt(1)<Opening>('POST', `/v1/openings/${id}/close`, { reason: 'it is out' })
    assert.equal(state, 'closed')
    assert.equal(await passes(), false)
    for (const at of [0, 1]) assert.equal((await find(at, id)).state, 'closed')
    const entries = await Promise.all(
      [0, 1].map((at) => callAt(at)<Page<unknown>>('GET', `/v1/audit/entries?action=stint:Opening::opened&correlationId=${id}`)),
    )
    assert.equal(entries.flatMap(({ items }) => items).length, 1, 'one gateway opened it')
  })
})
