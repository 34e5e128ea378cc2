import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { exchange, listening, startRig, targetAt } from './rig.ts'

test('with escaped slashes too, what was decided is what is sent, byte for byte', async (t) => {
  const seen: string[] = []
  const upstream = createServer((request, response) => {
    seen.push(request.url ?? '')
    response.end()
  })
  const port = await listening(upstream)
  const takesSlash = (path: string): boolean => /^\/(?:@[^/]+|projects\/[^/]+)(?:\/[a-z]+)*$/.test(path)
  const rig = await startRig({ targets: [targetAt({ port })], takesSlash })
  t.after(async () => {
    upstream.closeAllConnections()
    upstream.close()
    await rig.stop()
  })

  const plain = fc.constantFrom('a', 'B', '%2f', '%2F', '%41', '-')
  const piece = fc.oneof({ weight: 5, arbitrary: plain }, fc.constantFrom('/', '%2e', '..', '%252f', '%5c', '%c3%a9'))
  const path = fc.tuple(fc.constantFrom('/@s', '/projects/g', '/other'), fc.array(piece, { maxLength: 6 }))
  let carried = 0
  await fc.assert(
    fc.asyncProperty(path, async ([start, rest]) => {
      const before = seen.length
      const line = `GET http://up.test:${port}${start}${rest.join('')} HTTP/1.1`
      const { status } = await exchange(rig, line, `Host: up.test:${port}`, 'Connection: close', '', '')
      const decided = rig.decided().map(({ resource }) => resource)
      assert.deepEqual(
        decided,
        seen.map((url) => `up ${url}`),
      )
      assert.equal(status, seen.length > before ? 200 : 400)
      const sent = seen.length > before ? (seen.at(-1) ?? '') : ''
      if (sent.includes('%2F')) carried += 1
      assert.doesNotMatch(sent, /%2f|%25|%5[cC]|(?:\/|%2F)\.\.(?:\/|%2F|$)|%2[eE]|%2F.*\/.*%2F|\/\/|%2F%2F/)
    }),
    { numRuns: 400 },
  )
  assert.ok(carried > 10, `only ${carried} went through with an escaped slash, so this shows little`)
})
