import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { createClient } from '../../src/cli/client.ts'
import { type DpopKey, generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { type Installation, startStint } from '../fakes/stint.ts'
import { readAll } from '../gateway/rig.ts'

const PLACE = 'web.test:443'

let stint: Installation
let key: DpopKey
let live: Started
let over: Started

interface Started {
  readonly task: Task
  readonly token: string
}

before(async () => {
  stint = await startStint()
  key = await generateKey()
  await stint.cli(['target', 'add', 'web', '--host', 'web.test', '--no-credential'])
  ;[live, over] = [await start(), await start()]
  await createClient(() => stint.home).call('POST', `/v1/tasks/${over.task.id}/end`, { reason: 'done' })
})
after(() => stint.stop())

function start(): Promise<Started> {
  const wish = { purpose: 'try doors', targets: ['web'], actions: ['*'], keyThumbprint: key.thumbprint }
  return createClient(() => stint.home).call<Started>('POST', '/v1/tasks', wish)
}

/** The two ways to prove a connection as a whole, as raw requests. */
const DOORS = {
  attach: {
    ...{ method: 'GET', field: 'Authorization', opened: 101, over: 101 },
    url: () => `http://127.0.0.1:${stint.gatewayPort}/.well-known/stint/attach`,
    head: () => [
      'GET /.well-known/stint/attach HTTP/1.1',
      `Host: 127.0.0.1:${stint.gatewayPort}`,
      'Connection: Upgrade',
      'Upgrade: stint-task/1',
    ],
  },
  CONNECT: {
    ...{ method: 'CONNECT', field: 'Proxy-Authorization', opened: 200, over: 403 },
    url: () => `https://${PLACE}/`,
    head: () => [`CONNECT ${PLACE} HTTP/1.1`, `Host: ${PLACE}`],
  },
} as const

interface Answer {
  readonly status: number
  readonly code?: string
  readonly detail?: string
  readonly correlationId?: string
}

/** Knocks with what is shown; the connection is closed from this side when it was opened. */
async function knock(door: keyof typeof DOORS, token: string, proof: string): Promise<Answer> {
  const { head, field } = DOORS[door]
  const socket = connect(stint.gatewayPort, '127.0.0.1')
  const shown = [...(token === '' ? [] : [`${field}: DPoP ${token}`]), ...(proof === '' ? [] : [`DPoP: ${proof}`])]
  socket.write(`${[...head(), ...shown].join('\r\n')}\r\n\r\n`)
  socket.once('data', (chunk) => {
    if (/^HTTP\/1\.1 (101|200) /.test(String(chunk))) socket.end()
  })
  const text = await readAll(socket)
  const status = Number(text.split(' ', 2)[1])
  return status < 300 ? { status } : { status, ...JSON.parse(text.slice(text.indexOf('\r\n\r\n'))) }
}

const attemptsOf = async (correlationId: string | undefined) => {
  const { items } = await createClient(() => stint.home).call<{ items: Record<string, unknown>[] }>(
    'GET',
    `/v1/audit/entries?correlationId=${correlationId}`,
  )
  return items
}

type Shown = (door: (typeof DOORS)[keyof typeof DOORS]) => Promise<readonly [token: string, proof: string]>
const proving = async (door: Parameters<Shown>[0], { token }: Started, by = key, changed: object = {}) =>
  makeProof(by, { method: door.method, url: door.url(), token, ...changed })

/** What is shown, and the code and words of its refusal. */
const REFUSED: Readonly<Record<string, readonly [code: string, words: RegExp, shown: Shown]>> = {
  'nothing at all': ['invalid_token', /token/, async () => ['', '']],
  'no token': ['invalid_token', /token/, async (door) => ['', await proving(door, live)]],
  'no proof': ['invalid_token', /token|proof/, async () => [live.token, '']],
  'a token that is none': ['invalid_token', /token/, async (door) => ['abc', await proving(door, live)]],
  'a proof of another key': [
    'invalid_token',
    /its key/,
    async (door) => [live.token, await proving(door, live, await generateKey())],
  ],
  'a proof for another place': [
    'invalid_token',
    /htu/,
    async (door) => [live.token, await proving(door, live, key, { url: 'https://evil.test/' })],
  ],
  'a proof for another method': [
    'invalid_token',
    /htm/,
    async (door) => [live.token, await proving(door, live, key, { method: 'PUT' })],
  ],
  'a proof for another token': ['invalid_token', /ath/, async (door) => [live.token, await proving(door, over)]],
  'a proof that was used': [
    'proof_replayed',
    /used before/,
    async (door) => {
      const proof = await proving(door, live)
      const name = door.method === 'GET' ? 'attach' : 'CONNECT'
      assert.equal((await knock(name, live.token, proof)).status, door.opened)
      return [live.token, proof]
    },
  ],
}

for (const name of ['attach', 'CONNECT'] as const) {
  const door = DOORS[name]
  describe(`${name} with a proof of its own`, () => {
    for (const [what, [code, words, shown]] of Object.entries(REFUSED)) {
      test(`showing ${what} is refused, and recorded once, as what it was`, async () => {
        const answer = await knock(name, ...(await shown(door)))
        assert.deepEqual([answer.status, answer.code], [name === 'attach' ? 401 : 407, code])
        assert.match(String(answer.detail), words)
        const recorded = await attemptsOf(answer.correlationId)
        assert.deepEqual(
          recorded.map((one) => [one.kind, one.code, one.detail, one.caller]),
          [['attempt', code, answer.detail, null]],
        )
      })
    }

    test('for a task that is over is what it is, and not a replay', async () => {
      const answer = await knock(name, over.token, await proving(door, over))
      assert.equal(answer.status, door.over)
      if (name === 'attach') return // its requests are refused: late-token.test.ts
      assert.equal(answer.code, 'task_not_live')
      const [recorded, ...others] = await attemptsOf(answer.correlationId)
      assert.deepEqual(others, [])
      assert.deepEqual([recorded?.code, recorded?.task, recorded?.caller], ['task_not_live', over.task.id, over.task.workload])
    })

    test('that holds opens it, and records no attempt', async () => {
      const before = await createClient(() => stint.home).call<{ items: { index: number }[] }>('GET', '/v1/audit/entries?limit=1')
      assert.equal((await knock(name, live.token, await proving(door, live))).status, door.opened)
      const after = await createClient(() => stint.home).call<{ items: { index: number }[] }>('GET', '/v1/audit/entries?limit=1')
      assert.deepEqual(after, before)
    })
  })
}
