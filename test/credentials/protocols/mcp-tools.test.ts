import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mcp } from '../../../src/credentials/connectors/mcp.ts'
import type { HttpAnswer, HttpRequest, Io } from '../../../src/credentials/minting.ts'
import { fetchTools } from '../../../src/credentials/protocols/mcp-tools.ts'
import { Secret } from '../../../src/secret.ts'

type Message = { id: number; method: string; params: Record<string, unknown> & { _meta?: Record<string, unknown> } }

/** A server of MCP as a script, and what it was asked. */
function serverOf(answer: (message: Message, request: HttpRequest) => { status?: number; result?: object; error?: object }) {
  const asked: string[] = []
  const io: Pick<Io, 'exchange'> = {
    async exchange(request): Promise<HttpAnswer> {
      const message: Message = JSON.parse(String(request.body))
      asked.push(message.method)
      const { status = 200, ...rest } = answer(message, request)
      const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: message.id ?? null, ...rest }))
      return { status, headers: { 'content-type': 'application/json' }, body }
    },
  }
  return { asked, fetch: () => fetchTools(mcp.example.target, new Secret('a key of its own'), io as Io) }
}

describe('the tools of a server, as Stint asks for them', () => {
  for (const [how, refusal] of [
    ['by HTTP 404', { status: 404, error: { code: -32601, message: 'no such method' } }],
    ['by HTTP 400', { status: 400, error: { code: -32022, message: 'no such revision' } }],
    ['by an error', { error: { code: -32601, message: 'no such method' } }],
  ] as const)
    test(`are those of one that speaks 2026-07-28 only, and refuses a session ${how}`, async () => {
      const { asked, fetch } = serverOf(({ method, params }, { headers = {} }) => {
        if (method === 'initialize') return refusal
        assert.deepEqual([headers['mcp-protocol-version'], headers['mcp-method']], ['2026-07-28', 'tools/list'])
        assert.equal(headers.authorization, 'Bearer a key of its own')
        assert.equal(params._meta?.['io.modelcontextprotocol/protocolVersion'], '2026-07-28')
        const more = params.cursor === undefined ? { nextCursor: 'on' } : {}
        return { result: { resultType: 'complete', tools: [{ name: `after ${params.cursor}` }], ...more } }
      })
      assert.deepEqual(await fetch(), [{ name: 'after undefined' }, { name: 'after on' }])
      assert.deepEqual(asked, ['initialize', 'tools/list', 'tools/list'])
    })

  test('are not asked for again by another revision where Stint is not let in, or the server fails', async () => {
    for (const status of [401, 403, 500]) {
      const { asked, fetch } = serverOf(() => ({ status, error: { code: 1, message: '' } }))
      await assert.rejects(fetch(), { code: 'upstream_failed' })
      assert.deepEqual(asked, ['initialize'], String(status))
    }
  })
})
