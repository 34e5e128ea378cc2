import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type TestContext, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { createDial } from '../../src/gateway/dial.ts'
import { createGetJson } from '../../src/gateway/get-json.ts'
import { makeTestCa } from './dial-rig.ts'
import { listening } from './rig.ts'

const dial = createDial({ resolve: async () => ['127.0.0.1'], connectTimeoutMs: 2000 })
const here = { privateNetworks: ['127.0.0.1/32'] }

async function startIssuer(t: TestContext, answer: (response: ServerResponse, path: string) => void): Promise<string> {
  const server = createServer((incoming, response) => answer(response, incoming.url ?? ''))
  t.after(() => server.close())
  return `http://issuer.example:${await listening(server)}`
}

function isUnavailable(detail: RegExp) {
  return (thrown: unknown) => {
    assert.ok(thrown instanceof StintError && thrown.code === 'issuer_unavailable', String(thrown))
    assert.match(thrown.detail, detail)
    return true
  }
}

test('a JSON document is fetched over verified HTTPS', async (t) => {
  const ca = await makeTestCa()
  const server = createHttpsServer(await ca.leafFor('issuer.example'), (_, response) => response.end('{"keys":[]}'))
  t.after(() => server.close())
  const url = `https://issuer.example:${await listening(server)}/jwks`
  const trusted = createGetJson(dial, { ...here, trustedCa: ca.certificatePem, allowHttp: false })
  assert.deepEqual(await trusted(url), { keys: [] })
  await assert.rejects(createGetJson(dial, { ...here, allowHttp: false })(url), isUnavailable(/SELF_SIGNED/))
})

test('plain http is fetched only where that is told, and a private address only where it is declared', async (t) => {
  let asked = 0
  const origin = await startIssuer(t, (response) => {
    asked += 1
    response.end('1')
  })
  await assert.rejects(createGetJson(dial, { ...here, allowHttp: false })(origin), isUnavailable(/https/))
  await assert.rejects(createGetJson(dial, { privateNetworks: [], allowHttp: true })(origin), isUnavailable(/no target declares/))
  assert.equal(asked, 0)
  assert.equal(await createGetJson(dial, { ...here, allowHttp: true })(origin), 1)
})

for (const url of [
  '',
  'issuer.example',
  'file:///etc/passwd',
  'ftp://issuer.example/',
  'http://user:pass@issuer.example/',
  'http://',
])
  test(`what is no URL of an issuer is refused: ${url || 'nothing'}`, async () => {
    await assert.rejects(createGetJson(dial, { ...here, allowHttp: true })(url), isUnavailable(/https/))
  })

test('a redirect is not followed, and an error status is a failure', async (t) => {
  const origin = await startIssuer(t, (response, path) => {
    response.writeHead(path === '/gone' ? 404 : 302, { location: '/elsewhere' }).end(path === '/elsewhere' ? '{}' : '{}')
  })
  const getJson = createGetJson(dial, { ...here, allowHttp: true })
  await assert.rejects(getJson(`${origin}/`), isUnavailable(/answered 302/))
  await assert.rejects(getJson(`${origin}/gone`), isUnavailable(/answered 404/))
})

test('an answer that is too large, never ends, breaks off, or is not JSON in UTF-8 is a failure', async (t) => {
  const origin = await startIssuer(t, (response, path) => {
    if (path === '/large') return response.end(`"${'x'.repeat(512 * 1024)}"`)
    if (path === '/broken') return response.writeHead(200, { 'content-length': '9' }).write('{', () => response.destroy())
    if (path === '/bytes') return response.end(Buffer.from([0x22, 0xff, 0x22]))
    if (path === '/endless') return void setInterval(() => response.write('x'.repeat(65_536)), 1).unref()
    return response.end('not json')
  })
  const getJson = createGetJson(dial, { ...here, allowHttp: true })
  await assert.rejects(getJson(`${origin}/large`), isUnavailable(/512 KiB/))
  await assert.rejects(getJson(`${origin}/endless`), isUnavailable(/512 KiB/))
  await assert.rejects(getJson(`${origin}/broken`), isUnavailable(/did not answer/))
  await assert.rejects(getJson(`${origin}/bytes`), isUnavailable(/did not answer/))
  await assert.rejects(getJson(`${origin}/text`), isUnavailable(/not JSON/))
})
