import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { fetching, openWorld, type World } from '../fakes/world.ts'

let world: World
before(async () => {
  world = await openWorld()
})
after(() => world.close())

test('a run tells at its end what was refused, although the program did not show it', async () => {
  const { code, stderr } = await world.run('api', [
    'sh',
    '-c',
    `${curl('https://undeclared.example/')}; ${curl(`-X DELETE ${world.apiUrl}/echo`)}; exit 0`,
  ])
  assert.equal(code, 0)
  assert.match(stderr, /refused: no target declares https:\/\/undeclared\.example; .* stint target add NAME --host/)
  assert.match(stderr, /refused: http:DELETE \/echo on api: /)
})

test('a run that was refused nothing says nothing of it', async () => {
  const { stderr } = await world.run('api', fetching(`${world.apiUrl}/echo`))
  assert.doesNotMatch(stderr, /refused/)
})

function curl(url: string): string {
  return `curl -s -o /dev/null ${url}`
}
