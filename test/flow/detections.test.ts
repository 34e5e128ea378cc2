import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openWorld, succeed, type World } from '../fakes/world.ts'

interface Found {
  readonly id: string
  readonly kind: string
  readonly taskId: string
  readonly revoked: boolean
}

let world: World
before(async () => {
  world = await openWorld({ STINT_DETECTIONS: 'denied-burst=revoke' })
})
after(() => world.close())

test('a task that is refused many times in a row is revoked, with the finding as the reason', async () => {
  const tries = Array.from({ length: 40 }, () => `curl -s -o /dev/null -X DELETE ${world.apiUrl}/echo; sleep 0.05`)
  const { stdout } = await world.run('api', ['sh', '-c', `${tries.join('; ')}; curl -s ${world.apiUrl}/issues`])
  assert.doesNotMatch(stdout, /kettle/, 'it is over')
  const { items } = await world.call<{ items: Found[] }>('GET', '/v1/findings')
  const burst = items.find(({ kind }) => kind === 'denied-burst')
  assert.ok(burst?.revoked, JSON.stringify(items))
  const { items: revocations } = await world.call<{ items: { reason: string; selector: unknown }[] }>('GET', '/v1/revocations')
  assert.deepEqual(revocations[0]?.selector, { kind: 'task', id: burst.taskId })
  assert.match(revocations[0]?.reason ?? '', new RegExp(`^${burst.id}: 10 requests were refused within 60 s$`))
  const shown = (await succeed(world.stint.cli(['task', 'show', burst.taskId]))).stdout
  assert.match(shown, /^state +revoked: .*10 requests were refused/m)
  assert.match(shown, / finding report +denied-burst +10 requests were refused/)
})

test('the first time that a workload reaches a target is listed, counted and raises its risk', async () => {
  await succeed(world.run('api', ['sh', '-c', `for n in 1 2 3; do curl -s ${world.apiUrl}/issues; sleep 0.2; done`]))
  const list = (await succeed(world.stint.cli(['finding', 'list', '--kind', 'new-target']))).stdout
  assert.match(list, /new-target +task_\S+ +\S+ reaches api for the first time/)
  const metrics = await (await fetch(`http://127.0.0.1:${world.stint.apiPort}/metrics`)).text()
  assert.match(metrics, /^stint_findings_total\{kind="new-target"\} 1$/m)
  const { items } = await world.call<{ items: { riskReasons?: string[] }[] }>('GET', '/v1/audit/entries?kind=decision&limit=3')
  assert.ok(
    items.some(({ riskReasons }) => riskReasons?.includes('+5 its workload is new to a target')),
    JSON.stringify(items),
  )
})
