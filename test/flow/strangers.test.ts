import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { ROUTES, type Row } from '../../src/api/routes.ts'
import { createClient } from '../../src/cli/client.ts'
import { generateKey, makeProof } from '../../src/identity/dpop.ts'
import type { Task } from '../../src/model.ts'
import { attach } from '../../src/run/attach.ts'
import { EXAMPLES } from '../api/examples.ts'
import { type Installation, startStint } from '../fakes/stint.ts'

/** Stands in every name, word and value that belongs to somebody. */
const MARK = 'zebra'

let stint: Installation
let taskId = ''
const call: ReturnType<typeof createClient>['call'] = (...asked) => createClient(() => stint.home).call(...asked)

before(async () => {
  stint = await startStint()
  const rights = ['--workload', `spiffe://stint.local/${MARK}`, '--owner', `${MARK}-owner`, '--target', `${MARK}-target`]
  const issuer = ['--issuer', `https://${MARK}.test`, '--audience', `${MARK}-audience`, '--claim', `sub=${MARK}`, '--action', '*']
  const commands: readonly (readonly [argv: readonly string[], input?: string])[] = [
    [['credential', 'add', `${MARK}-credential`], `${MARK}-secret-value`],
    [
      [
        'target',
        'add',
        `${MARK}-target`,
        '--host',
        `${MARK}.test`,
        '--credential',
        `${MARK}-credential`,
        '--label',
        `${MARK}-label`,
      ],
    ],
    [['tunnel', 'add', `${MARK}-tunnel.test`]],
    [['issuer', 'add', `${MARK}-issuer`, ...issuer, ...rights]],
    [['revoke', '--target', `${MARK}-other`, '--reason', `${MARK} escaped`]],
  ]
  for (const [argv, input] of commands) {
    const { code, stderr } = await stint.cli(argv, input)
    assert.equal(code, 0, stderr)
  }
  taskId = await work()
})
after(() => stint.stop())

/** Starts a task and has one request of it decided, sent and failed, one refused, and one attempt that proves nothing. */
async function work(): Promise<string> {
  const key = await generateKey()
  const wish = { purpose: `feed the ${MARK}`, owner: `${MARK}-owner`, ticket: `${MARK}-1`, labels: [MARK], actions: ['*'] }
  const more = { targets: [`${MARK}-target`], keyThumbprint: key.thumbprint }
  const { task, token } = await call<{ task: Task; token: string }>('POST', '/v1/tasks', { ...wish, ...more })
  for (const [place, status] of [
    [`${MARK}.test`, 502],
    [`${MARK}-stranger.test`, 403],
  ] as const) {
    const socket = await attach({
      ...{ task, gateway: `127.0.0.1:${stint.gatewayPort}`, token: () => token },
      key: { thumbprint: key.thumbprint, prove: (request) => makeProof(key, request) },
      renew: async () => undefined,
      end: async () => undefined,
    })
    socket.write(`GET https://${place}/${MARK} HTTP/1.1\r\nHost: ${place}\r\nConnection: close\r\n\r\n`)
    const [answer] = await once(socket.resume(), 'data')
    assert.match(String(answer), new RegExp(`^HTTP/1\\.1 ${status} `))
    socket.destroy()
  }
  return task.id
}

interface Seen {
  readonly status: number
  readonly text: string
  /** Without what differs by chance. */
  readonly whole: string
}

let asked = 0

/** What a process without any proof gets to see; each time from another address, since failures of one are limited. */
async function look(method: string, path: string, body?: unknown, proof: Record<string, string> = {}): Promise<Seen> {
  const sent = body === undefined ? undefined : JSON.stringify(body)
  const type = sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }
  asked += 1
  const localAddress = `127.0.${1 + (asked >> 8)}.${asked & 255}`
  const from = process.platform === 'linux' ? { localAddress } : {}
  const request = httpRequest({
    host: '127.0.0.1',
    port: stint.apiPort,
    method,
    path,
    agent: false,
    headers: { ...type, ...proof },
    ...from,
  })
  request.end(sent)
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  const text = await textOf(answer)
  const { date: _, ...headers } = answer.headers
  const whole = `${answer.statusCode} ${JSON.stringify(headers)} ${text}`
  return { status: answer.statusCode ?? 0, text: text, whole: whole.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID') }
}

/** Nothing of anybody's: no marked word, no task, no place on the disk. */
function assertNothingOf(seen: Seen, where: string): void {
  for (const word of [MARK, taskId, stint.home])
    assert.ok(!seen.whole.toLowerCase().includes(word.toLowerCase()), `${where} shows ${word}: ${seen.text.slice(0, 300)}`)
}

const nameOf = ({ method, path }: Row): string => `${method} ${path}`

describe('a stranger who asks the API', () => {
  test('finds the mark everywhere, were it let in', async () => {
    for (const path of [
      '/v1/tasks',
      '/v1/targets',
      '/v1/credentials',
      '/v1/tunnels',
      '/v1/issuers',
      '/v1/revocations',
      '/v1/audit/entries',
    ])
      assert.ok(JSON.stringify(await call('GET', path)).includes(MARK), path)
  })

  for (const row of ROUTES) {
    const { path = row.path, body } = EXAMPLES[nameOf(row)] ?? {}
    test(`${nameOf(row)} learns nothing of anybody`, async () => {
      const seen = await look(row.method, path, body)
      assert.equal(seen.status, row.gate === undefined ? 200 : 401)
      assertNothingOf(seen, nameOf(row))
      assertNothingOf(await look(row.method, path, body, { authorization: 'Bearer x.y.z' }), nameOf(row))
      assertNothingOf(await look(row.method, `${path}?surprise=1`, body), nameOf(row))
    })
  }

  const named = ROUTES.filter(({ path, gate }) => path.includes(':') && gate !== undefined)
  for (const row of named) {
    test(`${nameOf(row)} does not learn which names exist`, async () => {
      const { body } = EXAMPLES[nameOf(row)] ?? {}
      const places = { tasks: taskId, targets: `${MARK}-target`, credentials: `${MARK}-credential`, issuers: `${MARK}-issuer` }
      const there = places[(row.path.split('/')[2] ?? '') as keyof typeof places] ?? '1'
      const fill = (name: string): string =>
        row.path.replace(':id', name).replace(':number', name).replace(':host', `${MARK}-tunnel.test`).replace(':port', name)
      const known = await look(row.method, fill(there), body)
      const unknown = await look(row.method, fill('999'), body)
      assert.equal(known.whole, unknown.whole)
    })
  }

  test('learns totals from the metrics: no label but Stint’s own words', async () => {
    const { text } = await look('GET', '/metrics')
    const labels = [...text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name = '', value = '']) => [name, value] as const)
    const ours = new Set(['effect', 'code', 'le'])
    /** Of the process itself: memory spaces, kinds of resources and collections, and the version of Node. */
    const node = new Set(['space', 'type', 'kind', 'version', 'major', 'minor', 'patch', 'quantile'])
    assert.deepEqual(
      [...new Set(labels.map(([name]) => name))].filter((name) => !ours.has(name) && !node.has(name)),
      [],
    )
    for (const [name, value] of labels) assert.match(value, /^[\w .+-]{1,40}$/, name)
    assert.match(text, /stint_requests_total\{effect="allow",code="allowed"\} [1-9]/)
    assert.match(text, /stint_requests_total\{effect="error",code="target_unknown"\} [1-9]/)
  })

  test('learns that a part does not work, and not why', async () => {
    assert.deepEqual(JSON.parse((await look('GET', '/readyz')).text), {
      ready: true,
      parts: { audit: true, policy: true, store: true },
    })
    writeFileSync(join(stint.home, 'policies', `${MARK}.cedar`), `permit (principal == Workload::"${MARK}"`)
    assert.equal(await call('POST', '/v1/policy/reload').catch(({ code }) => code), 'policy_invalid')
    assert.match(String((await call<{ refused?: string }>('GET', '/v1/policy')).refused), new RegExp(MARK))
    const seen = await look('GET', '/readyz')
    assert.deepEqual(
      [seen.status, JSON.parse(seen.text)],
      [503, { ready: false, parts: { audit: true, policy: false, store: true } }],
    )
    assertNothingOf(seen, '/readyz')
  })
})
