import assert from 'node:assert/strict'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fetching, openWorld, succeed, type World } from '../fakes/world.ts'

let world: World
let log = ''
before(async () => {
  world = await openWorld({ STINT_LOG_LEVEL: 'trace' })
  world.stint.server.stderr?.on('data', (chunk) => (log += chunk))
})
after(() => world.close())

/** Every way in which the secret may be written. */
function forms(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const basic = Buffer.from(`x-access-token:${secret}`).toString('base64')
  return [secret, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex'), basic]
}

function assertWithout(text: string, where: string): void {
  for (const form of forms(world.secret)) assert.ok(!text.includes(form), `the secret stands in ${where}`)
}

test('G2: a system that echoes the key does not hand it to the workload, in body or headers', async () => {
  const script = 'const a = await fetch(process.argv[1]); console.log(await a.text(), JSON.stringify([...a.headers]))'
  const echo = [process.execPath, '--input-type=module', '-e', script, `${world.apiUrl}/echo`]
  const { stdout, stderr } = await succeed(world.run('api', echo))
  assert.match(stdout, /\[scrubbed\]/)
  assertWithout(stdout + stderr, 'what the workload saw')
})

test('G2: the workload’s environment and process hold no secret', async () => {
  const { stdout } = await succeed(
    world.run('api', ['sh', '-c', 'env; cat /proc/self/environ /proc/1/environ 2>/dev/null; true']),
  )
  assert.match(stdout, /STINT_TASK=/)
  assertWithout(stdout, 'the environment')
})

test('G2: no file of the data directory, no log line and no API answer holds it', async () => {
  await succeed(world.run('api', fetching(`${world.apiUrl}/echo`)))
  await world.run('code', ['git', 'ls-remote', world.gitUrl])
  await world.run('api', fetching(`${world.apiUrl}/missing`))
  for (const file of globSync('**/*', { cwd: world.stint.home })) {
    const path = join(world.stint.home, file)
    if (statSync(path).isFile()) assertWithout(readFileSync(path, 'latin1'), file)
  }
  assert.ok(log.length > 0, 'the log says something at this level')
  assertWithout(log, 'the log')
  for (const path of ['/v1/credentials', '/v1/targets', '/v1/tasks', '/v1/audit/entries?limit=200', '/v1/status', '/metrics']) {
    assertWithout(JSON.stringify(await world.call('GET', path)), path)
  }
})
