import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AnswerVerbs } from '../../../src/credentials/connector.ts'
import { mcp } from '../../../src/credentials/connectors/mcp.ts'
import { speakMcpRefusal } from '../../../src/credentials/protocols/mcp-refusal.ts'
import type { Operation, Target } from '../../../src/model.ts'

const MIB = 1024 * 1024

function targetWith(settings: Target['settings'] = {}): Target {
  return { ...mcp.example.target, settings: { pins: 'off', ...settings } }
}

/** A call of a tool of so many bytes. */
function messageOf(bytes: number): Operation {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'x', arguments: { text: '' } } }
  const { length } = JSON.stringify(message)
  const body = Buffer.from(JSON.stringify(message).replace('"text":""', `"text":"${'a'.repeat(bytes - length)}"`))
  return {
    ...{ scheme: 'https', host: 'mcp.example.com', port: 443, method: 'POST', path: '/mcp', query: '', body },
    headers: { 'content-type': 'application/json' },
  }
}

describe('what a target of the kind mcp says of sizes', () => {
  test('bounds its messages: 1 MiB unless it says more, and no byte further is read', () => {
    for (const [settings, most] of [
      [{}, MIB],
      [{ max_message_mib: '3' }, 3 * MIB],
    ] as const) {
      const target = targetWith(settings)
      assert.equal(mcp.bodyPrefix(messageOf(200), target), most)
      assert.equal(mcp.describe(messageOf(most - 1), target).id, 'mcp:Tool::call')
      assert.throws(() => mcp.describe(messageOf(most), target), { code: 'body_too_large' })
    }
  })

  test('is in the words of MCP where a message is too large, cut off as it is', () => {
    const refusal = { status: 413, code: 'body_too_large', line: 'Stint: too large.', text: '' } as const
    const cut = messageOf(2 * MIB)
    const spoken = speakMcpRefusal({ ...cut, body: (cut.body ?? new Uint8Array()).subarray(0, MIB) }, refusal)
    const { id, error } = JSON.parse(Buffer.from(spoken?.body ?? []).toString())
    assert.deepEqual([spoken?.status, id, error.code, error.data.code], [413, null, -32010, 'body_too_large'])
  })

  test('bounds its answers, in events and in one text', () => {
    const verbs: AnswerVerbs = { foresee: () => 'allow', setChanged() {}, noteHeldBack() {}, answerBack() {}, bindState() {} }
    for (const [type, start] of [
      ['application/json', '{"a":"'],
      ['text/event-stream', 'data: '],
    ] as const) {
      const read = (settings: Target['settings'], bytes: number) => {
        const answer = { asked: messageOf(200), status: 200, headers: { 'content-type': type } }
        const reader = mcp.readAnswer?.(answer, targetWith(settings), verbs)
        reader?.push(Buffer.from(start.padEnd(bytes, 'a')))
      }
      read({ max_answer_mib: '2' }, 2 * MIB)
      assert.throws(() => read({ max_answer_mib: '2' }, 2 * MIB + 1), { code: 'upstream_failed' }, type)
      read({}, 16 * MIB)
      assert.throws(() => read({}, 16 * MIB + 1), { code: 'upstream_failed' }, type)
    }
  })

  test('has bounds of its own', () => {
    for (const [name, fits, not] of [
      ['max_message_mib', ['1', '16'], ['0', '17', '01', '1.5', '-1', '1e1']],
      ['max_answer_mib', ['1', '9', '64'], ['0', '65', '100', '']],
    ] as const) {
      const pattern = mcp.settings?.[name]?.pattern
      assert.deepEqual(
        [...fits, ...not].filter((value) => pattern?.test(value)),
        fits,
      )
    }
  })
})
