import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import type { Task } from '../../src/model.ts'
import { downloading, firstOutput, openWorld, type World } from '../fakes/world.ts'

let world: World
before(async () => {
  world = await openWorld({ STINT_RUNNER_GRACE: '1' })
})
after(() => world.close())

for (const mode of ['require', 'off'])
  test(`--sandbox ${mode}: SIGKILL of stint run cuts the command off, ends it, and its task is over without anybody’s doing`, async () => {
    const run = world.begin('api', downloading(`${world.apiUrl}/endless`), ['--sandbox', mode])
    await firstOutput(run)
    const { items } = await world.call<{ items: Task[] }>('GET', '/v1/tasks?state=live')
    const [task] = items
    assert.ok(task)
    const closed = once(run, 'close') // when the command has let go of its output as well
    run.kill('SIGKILL')
    await closed
    let now = task
    for (let left = 200; now.state === 'live' && left > 0; left -= 1) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      now = await world.call<Task>('GET', `/v1/tasks/${task.id}`)
    }
    assert.equal(now.state, 'ended')
    assert.match(now.endReason ?? '', /runner/)
    assert.equal(world.api.open, 0)
  })
