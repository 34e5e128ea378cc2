import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fetching, openWorld, succeed, type World } from '../fakes/world.ts'

let world: World
before(async () => {
  world = await openWorld()
})
after(() => world.close())

test('every series of the metrics is fed by what it counts', async () => {
  await succeed(world.run('api', fetching(`${world.apiUrl}/echo`)))
  const answer = await fetch(`http://127.0.0.1:${world.stint.apiPort}/metrics`)
  const values = new Map(
    [...(await answer.text()).matchAll(/^(stint_\S+) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
  )
  for (const name of [
    'stint_requests_total{effect="allow",code="allowed"}',
    'stint_decision_seconds_count',
    'stint_audit_write_seconds_count',
    'stint_audit_entries_total',
    'stint_audit_published_total',
    'stint_audit_writes_total',
  ])
    assert.ok((values.get(name) ?? 0) > 0, `${name} is ${values.get(name)}`)
  assert.equal(values.get('stint_audit_outages_total'), 0)
})
