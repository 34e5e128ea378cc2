import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startStint } from '../fakes/stint.ts'
import { succeed } from '../fakes/world.ts'

test('an installation with an older schema and edited policies of an older version starts, serves by them, and says what changed', async (t) => {
  const stint = await startStint()
  const policies = join(stint.home, 'policies')
  const edited = `${readFileSync(join(policies, 'read.cedar'), 'utf8')}\n@id("ours") forbid (principal, action == Action::"http:TRACE", resource);`
  writeFileSync(join(policies, 'read.cedar'), edited)
  writeFileSync(join(policies, 'schema.cedarschema'), 'entity Operator; entity Target;')
  rmSync(join(policies, 'starter.sha256'))
  const ended = once(stint.server, 'exit')
  stint.server.kill('SIGTERM')
  await ended
  const upgraded = stint.spawn(['start', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  upgraded.stderr?.on('data', (chunk) => (log += chunk))
  t.after(async () => {
    upgraded.kill('SIGTERM')
    if (upgraded.exitCode === null) await once(upgraded, 'exit')
    await stint.stop()
  })
  if (upgraded.stdout !== null) await Promise.race([once(upgraded.stdout, 'data'), once(upgraded, 'exit')])
  await succeed(stint.cli(['policy', 'check']))
  await succeed(stint.cli(['task', 'list']))
  const { stdout } = await stint.cli(['doctor', '--json'])
  const { checks } = JSON.parse(stdout) as { checks: { what: string; state: string; found: string }[] }
  const found = checks.find(({ what }) => what === 'starter policies')
  assert.deepEqual([found?.state, found?.found], ['warn', 'read.cedar, schema.cedarschema: not as in this version'])
  assert.match(checks.find(({ what }) => what === 'policies')?.found ?? '', /in force/)
  assert.equal(readFileSync(join(policies, 'read.cedar'), 'utf8'), edited)
  assert.match(log, /read\.cedar.*the starter policies changed.*stint policy starter/)
})
