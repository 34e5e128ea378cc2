import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import type { Injection } from '../../src/credentials/connector.ts'
import { StintError } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { exchange, listening, startRig, targetAt, until } from './rig.ts'

type Sign = Extract<Injection, { kind: 'sign' }>['sign']
const KEY = new Secret('a-signing-key-of-tests')
const TOKEN = new Secret('a-session-token-of-tests')

async function startSigning(t: TestContext, sign: Sign) {
  const seen: IncomingMessage[] = []
  const upstream = createServer((request, response) => {
    seen.push(request)
    response.end(`the key is ${KEY.reveal()}, the token ${TOKEN.reveal()}`)
  })
  const port = await listening(upstream)
  const injections: Injection[] = [
    { kind: 'header', name: 'x-amz-security-token', prefix: '', value: TOKEN },
    { kind: 'sign', sign, value: KEY, keyId: 'key' },
  ]
  const rig = await startRig({ targets: [targetAt({ port })], injections })
  t.after(async () => {
    upstream.close()
    await rig.stop()
  })
  const headers = [`host: up.test:${port}`, 'authorization: AWS4 mine', 'x-amz-security-token: mine', 'connection: close']
  const ask = () => exchange(rig, `GET http://up.test:${port}/a?b HTTP/1.1`, ...headers, '', '')
  return { rig, seen, ask, port }
}

describe('a request that is signed', () => {
  test('leaves as the signer made it, from the request as it arrived and the headers it would have left with', async (t) => {
    const { seen, ask } = await startSigning(t, async ({ operation, headers }) => {
      assert.equal(operation.headers.authorization, 'AWS4 mine')
      assert.ok(!headers.includes('AWS4 mine') && !headers.includes('mine'))
      return { path: `${operation.path}?signed`, headers: [...headers, 'authorization', 'AWS4 theirs'] }
    })
    const { status, body } = await ask()
    assert.equal(status, 200)
    assert.equal(seen[0]?.url, '/a?signed')
    assert.equal(seen[0]?.headers.authorization, 'AWS4 theirs')
    assert.equal(seen[0]?.headers['x-amz-security-token'], TOKEN.reveal())
    assert.ok(!body.includes(KEY.reveal()) && !body.includes(TOKEN.reveal()), body)
  })

  test('is refused, and nothing sent, where it cannot be signed', async (t) => {
    const { rig, seen, ask } = await startSigning(t, async () => {
      throw new StintError('body_too_large', 'it cannot be signed')
    })
    const { status, body } = await ask()
    assert.equal(status, 413)
    assert.match(body, /it cannot be signed/)
    assert.deepEqual(
      rig.outcomes().map(({ result, code }) => [result, code]),
      [['failed', 'body_too_large']],
    )
    assert.equal(seen.length, 0)
  })

  test('is not sent when it is revoked while it is signed', async (t) => {
    const signing = Promise.withResolvers<void>()
    const going = Promise.withResolvers<void>()
    const { rig, seen, ask, port } = await startSigning(t, async ({ headers }) => {
      signing.resolve()
      await going.promise
      return { path: '/a', headers: [...headers] }
    })
    const answer = ask().catch((thrown: unknown) => thrown)
    await signing.promise
    rig.flows.cut({ kind: 'all' })
    going.resolve()
    await answer
    await until(() => rig.outcomes().length > 0)
    assert.deepEqual(
      rig.outcomes().map(({ result }) => result),
      ['cut'],
    )
    await fetch(`http://127.0.0.1:${port}/later`)
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/later'],
    )
  })
})
