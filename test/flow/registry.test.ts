import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import type { IncomingMessage, RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Finished } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, openWorld, succeed, type World } from '../fakes/world.ts'

const MANIFEST = JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', layers: [] })
const LAYER = 'a layer'
const DIGEST = `sha256:${createHash('sha256').update(LAYER).digest('hex')}`

/** A registry with token authentication: the key is for the token server alone, a token for what its scope says. */
function playRegistry(): { answer: RequestListener; seen: string[] } {
  const seen: string[] = []
  const answer: RequestListener = (request, response) => {
    const url = new URL(request.url ?? '/', `https://${request.headers.host}`)
    const { authorization = '' } = request.headers
    const token = /^Bearer token:(.*)$/.exec(authorization)?.[1]
    seen.push(`${request.method} ${url.pathname} ${authorization.split(' ')[0]}`)
    if (url.pathname === '/token') {
      response.writeHead(200, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify({ token: `token:${url.searchParams.get('scope')}`, expires_in: 300 }))
    }
    const wanted = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'push'
    if (token === undefined || (url.pathname !== '/v2/' && !token.includes(wanted))) {
      const realm = `Bearer realm="${url.origin}/token",service="test",scope="repository:acme/app:${wanted}"`
      return void response.writeHead(401, { 'www-authenticate': realm }).end()
    }
    request.resume()
    if (url.pathname.endsWith('/blobs/uploads/')) response.writeHead(202, { location: '/v2/acme/app/blobs/upload/1' }).end()
    else if (request.method !== 'GET') response.writeHead(201).end()
    else if (url.pathname.includes('/blobs/')) response.writeHead(307, { location: `${url.origin}/cdn/layer?sig=1` }).end()
    else response.end(MANIFEST)
  }
  const withCdn: RequestListener = (request, response) => {
    if (!request.url?.startsWith('/cdn/')) return answer(request, response)
    seen.push(`GET /cdn/layer ${request.headers.authorization?.split(' ')[0]}`)
    response.end(LAYER)
  }
  return { answer: withCdn, seen }
}

/** The token server alone knows the key. */
function isAllowed({ url, headers }: IncomingMessage, secret: string): boolean {
  const shown = Buffer.from((headers.authorization ?? '').replace('Basic ', ''), 'base64').toString()
  return !url?.startsWith('/token') || shown === `ann:${secret}`
}

/** What crane and the like do, and no more: ask, be challenged, fetch a token, ask again. */
const CLIENT = `
const [origin, verb] = process.argv.slice(1)
let token
async function call(method, path, body) {
  for (;;) {
    const headers = token === undefined ? {} : { authorization: 'Bearer ' + token }
    const answer = await fetch(new URL(path, origin), { method, headers, body })
    if (answer.status !== 401) return answer
    const [, realm, service, scope] = /realm="(.*?)",service="(.*?)",scope="(.*?)"/.exec(answer.headers.get('www-authenticate'))
    const given = await fetch(realm + '?' + new URLSearchParams({ service, scope }))
    if (given.status !== 200) return given
    token = (await given.json()).token
  }
}
if (verb === 'pull') {
  const manifest = await call('GET', '/v2/acme/app/manifests/1.0')
  const layer = await call('GET', '/v2/acme/app/blobs/${DIGEST}')
  console.log(manifest.status, await manifest.text(), layer.status, await layer.text(), token)
} else {
  const begun = await call('POST', '/v2/acme/app/blobs/uploads/')
  if (begun.status !== 202) console.log(begun.status, await begun.text())
  else {
    await call('PUT', begun.headers.get('location') + '?digest=${DIGEST}', '${LAYER}')
    console.log((await call('PUT', '/v2/acme/app/manifests/1.0', '${MANIFEST}')).status)
  }
}`

let world: World
let registry: Upstream
const { answer, seen } = playRegistry()
const directory = mkdtempSync(join(tmpdir(), 'stint-registry-'))
before(async () => {
  world = await openWorld()
  mkdirSync(join(directory, 'registry'))
  registry = await startUpstream(join(directory, 'registry'), world.secret, answer, isAllowed)
})
after(async () => {
  await world.close()
  await registry.close()
  rmSync(directory, { recursive: true, force: true })
})

async function use(environment: string, verb: 'pull' | 'push'): Promise<Finished> {
  const how = ['--connector', 'oci', '--username', 'ann', '--environment', environment, ...declared(registry)]
  await succeed(world.stint.cli(['target', 'add', 'registry', ...how]))
  seen.length = 0
  try {
    const node = [process.execPath, '--input-type=module', '-e', CLIENT]
    return await world.run('registry', [...node, `https://localhost:${registry.port}`, verb])
  } finally {
    await succeed(world.stint.cli(['target', 'remove', 'registry']))
  }
}

describe('a container registry', () => {
  test('is pulled from in production, with the registry’s own token, and the key goes to the token server alone', async () => {
    const { stdout } = await use('production', 'pull')
    assert.equal(stdout.trim(), `200 ${MANIFEST} 200 ${LAYER} token:repository:acme/app:pull`)
    assert.deepEqual(seen, [
      'GET /v2/acme/app/manifests/1.0 ',
      'GET /token Basic',
      'GET /v2/acme/app/manifests/1.0 Bearer',
      `GET /v2/acme/app/blobs/${DIGEST} Bearer`,
      'GET /cdn/layer Bearer',
    ])
  })

  test('is pushed to in development', async () => {
    const { stdout } = await use('development', 'push')
    assert.equal(stdout.trim(), '201')
    assert.equal(seen.at(-1), 'PUT /v2/acme/app/manifests/1.0 Bearer')
  })

  test('is not pushed to in production: not even a token is asked for', async () => {
    const { stdout } = await use('production', 'push')
    assert.match(stdout, /^403 .*needs_approval/)
    assert.deepEqual(
      seen.filter((line) => line.startsWith('GET /token') || !line.startsWith('GET')),
      [],
    )
  })
})
