import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fetching, isInstalled, openWorld, succeed, type World } from '../fakes/world.ts'

let world: World
before(async () => {
  world = await openWorld()
})
after(() => world.close())

const shell = (script: string): string[] => ['sh', '-c', script]

describe('unmodified programs work under a task, and hold no key', () => {
  test('Node reads over HTTPS', async () => {
    const { stdout } = await succeed(world.run('api', fetching(`${world.apiUrl}/issues`)))
    assert.match(stdout, /^200 .*kettle/)
  })

  test('curl reads, uploads and gets an answer that names the command for an undeclared host', {
    skip: !isInstalled('curl'),
  }, async () => {
    const { stdout } = await succeed(world.run('api', ['curl', '-sS', `${world.apiUrl}/issues`]))
    assert.match(stdout, /kettle/)
    const upload = await succeed(world.run('api', shell(`head -c 3000000 /dev/zero | curl -sS -T - ${world.apiUrl}/upload`)))
    assert.deepEqual(JSON.parse(upload.stdout), { bytes: 3_000_000 })
    const refused = await world.run('api', ['curl', '-sS', 'http://other.example/'])
    assert.match(refused.stdout, /target_unknown/)
    assert.match(refused.stdout, /stint target add/)
  })

  test('Python’s own client reads over HTTPS', { skip: !isInstalled('python3') }, async () => {
    const script = `import urllib.request; print(urllib.request.urlopen("${world.apiUrl}/issues").read().decode())`
    const { stdout } = await succeed(world.run('api', ['python3', '-c', script]))
    assert.match(stdout, /kettle/)
  })

  test('git clones and fetches; a push to production is refused before it arrives, and says why', async () => {
    await succeed(world.run('code', ['git', 'clone', '--quiet', world.gitUrl, 'clone']))
    assert.equal(readFileSync(join(world.workspace, 'clone', 'README'), 'utf8'), 'demo\n')
    await succeed(world.run('code', ['git', '-C', 'clone', 'fetch', '--quiet']))
    writeFileSync(join(world.workspace, 'clone', 'README'), 'changed\n')
    const commit = 'git -c user.name=demo -c user.email=demo@example.com commit -qam two'
    const pushed = await world.run('code', shell(`cd clone && ${commit} && git push origin HEAD:main`))
    assert.notEqual(pushed.code, 0)
    assert.match(pushed.stderr, /remote rejected.*consent of the task/)
    assert.equal(world.code.served.filter((line) => line.startsWith('POST') && line.endsWith('git-receive-pack')).length, 0)
  })

  test('the command’s exit status is the run’s', async () => {
    assert.equal((await world.run('api', shell('exit 7'))).code, 7)
    assert.equal((await world.run('api', shell('kill -TERM $$'))).code, 143)
  })

  test('a target outside the task’s scope is refused', async () => {
    const { stdout, code } = await world.run('code', fetching(`${world.apiUrl}/issues`))
    assert.ok(stdout.startsWith('403') || code !== 0, stdout)
    assert.doesNotMatch(stdout, /kettle/)
  })

  test('every request stands in the log with its outcome, and the log verifies offline', async () => {
    await succeed(world.run('api', fetching(`${world.apiUrl}/issues?seen=in-the-log`)))
    const { items } = await world.call<{ items: { kind: string; task: string; action: string }[] }>(
      'GET',
      '/v1/audit/entries?limit=50&target=api',
    )
    assert.ok(items.some(({ kind, action }) => kind === 'decision' && action === 'http:GET'))
    assert.ok(items.some(({ kind }) => kind === 'outcome'))
    const verified = await succeed(world.stint.cli(['audit', 'verify', '--json']))
    assert.doesNotMatch(verified.stdout, /"ok":\s*false/)
  })

  test('the task ends with the command', async () => {
    await world.run('api', ['true'])
    const { items } = await world.call<{ items: unknown[] }>('GET', '/v1/tasks?state=live')
    assert.deepEqual(items, [])
  })
})
