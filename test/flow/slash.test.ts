import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, isInstalled, openWorld, succeed, type World } from '../fakes/world.ts'

const PACKUMENT = {
  name: '@acme/kettle',
  'dist-tags': { latest: '1.2.3' },
  versions: { '1.2.3': { name: '@acme/kettle', version: '1.2.3', description: 'It whistles.', dist: {} } },
}

/** Knows what it is asked for by the escaped path alone, as the real ones do. */
const answer: RequestListener = ({ url = '' }, response) => {
  const known = /^\/@acme%2fkettle$/i.test(url) ? PACKUMENT : url === '/api/v4/projects/Acme%2FTools/issues' ? [] : undefined
  response.writeHead(known === undefined ? 404 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(known ?? { error: 'not found' }))
}

let world: World
let upstream: Upstream
const directory = mkdtempSync(join(tmpdir(), 'stint-slash-'))
before(async () => {
  world = await openWorld()
  upstream = await startUpstream(directory, world.secret, answer)
})
after(async () => {
  await world.close()
  await upstream.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Declares the upstream as a target of this kind for one test. */
async function declaredAs(connector: string, work: (target: string) => Promise<void>): Promise<void> {
  await succeed(world.stint.cli(['target', 'add', 'escaped', '--connector', connector, ...declared(upstream)]))
  try {
    await work('escaped')
  } finally {
    await succeed(world.stint.cli(['target', 'remove', 'escaped']))
  }
}

async function lastResource(target: string): Promise<string | undefined> {
  const { items } = await world.call<{ items: { kind: string; resource: string }[] }>(
    'GET',
    `/v1/audit/entries?limit=50&target=${target}`,
  )
  return items.find(({ kind }) => kind === 'decision')?.resource
}

describe('paths with an escaped slash', () => {
  test('npm finds a scoped package, under its one name in the log', { skip: !isInstalled('npm') }, () =>
    declaredAs('npm', async (target) => {
      const registry = `https://localhost:${upstream.port}`
      const view = ['npm', 'view', '@acme/kettle', 'description', '--registry', registry, '--update-notifier=false']
      const { stdout } = await succeed(world.run(target, view))
      assert.match(stdout, /It whistles\./)
      assert.match(upstream.served.join('\n'), /^GET \/@acme%2Fkettle$/m)
      assert.equal(await lastResource(target), '@acme/kettle')
    }),
  )

  test('a GitLab project is found by its path, which arrives as it was sent', { skip: !isInstalled('curl') }, () =>
    declaredAs('git-rest', async (target) => {
      const url = `https://localhost:${upstream.port}/api/v4/projects/Acme%2fTools/issues`
      const { stdout } = await succeed(world.run(target, ['curl', '-sS', '-w', '%{http_code}', url]))
      assert.equal(stdout, '[]200')
      assert.equal(await lastResource(target), '/api/v4/projects/acme%2Ftools/issues')
    }),
  )

  test('elsewhere it is refused, and nothing is sent', { skip: !isInstalled('curl') }, () =>
    declaredAs('http', async (target) => {
      const before = upstream.served.length
      const { stdout } = await world.run(target, ['curl', '-sS', `https://localhost:${upstream.port}/@acme%2fkettle`])
      assert.match(stdout, /malformed_request/)
      assert.equal(upstream.served.length, before)
    }),
  )
})
