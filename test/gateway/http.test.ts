import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { connect, createServer as createTcpServer } from 'node:net'
import { after, describe, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { answerOf, curl, exchange, listening, proofFor, type Rig, readAll, startRig, targetAt } from './rig.ts'

const closers: (() => unknown)[] = []
after(async () => {
  for (const close of closers) await close()
})

/** An upstream that answers what it saw, and a gateway in front of it. */
async function play(options: Partial<Parameters<typeof startRig>[0]> = {}, listener: RequestListener = mirror) {
  const seen: string[] = []
  const upstream = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    listener(request, response)
  })
  const port = await listening(upstream)
  const rig = await startRig({ targets: [targetAt({ port })], ...options })
  closers.push(() => {
    upstream.closeAllConnections()
    upstream.close()
    return rig.stop()
  })
  return { rig, port, seen, origin: `http://up.test:${port}` }
}

const mirror: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .on('end', () => {
      const { method, url, headers } = request
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
    })
}

interface Mirrored {
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

async function mirrored(rig: Rig, ...lines: readonly string[]): Promise<Mirrored> {
  const answer = await exchange(rig, ...lines)
  assert.equal(answer.status, 200, answer.head + answer.body)
  return JSON.parse(answer.body)
}

describe('an absolute-form request', () => {
  test('of real curl with its own proof is decided, forwarded and settled', async () => {
    const { rig, origin } = await play()
    const got = await curl('-x', `http://127.0.0.1:${rig.port}`, ...proofFor('GET', `${origin}/a`), `${origin}/a?x=1`)
    assert.equal(JSON.parse(got.stdout).url, '/a?x=1')
    assert.deepEqual(
      rig.events.map(({ kind }) => kind),
      ['decide', 'settle'],
    )
    assert.equal(rig.outcomes()[0]?.status, 200)
  })

  test('counts the bytes of both bodies', async () => {
    const { rig, origin } = await play({}, (request, response) => {
      request.resume().on('end', () => response.end('four'))
    })
    await exchange(
      rig,
      `POST ${origin}/ HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      'Content-Length: 6',
      'Connection: close',
      '',
      'sixsix',
    )
    const [outcome] = rig.outcomes()
    assert.deepEqual({ ...outcome, durationMs: 0 }, { result: 'completed', status: 200, bytesIn: 4, bytesOut: 6, durationMs: 0 })
  })

  test('without a proof gets 407 with a challenge, is recorded, and reaches nobody', async () => {
    const { rig, origin, seen } = await play()
    const got = await curl('-i', '-x', `http://127.0.0.1:${rig.port}`, `${origin}/`)
    assert.match(got.stdout, /^HTTP\/1\.1 407 /)
    assert.match(got.stdout, /^proxy-authenticate: DPoP /m)
    assert.match(got.stdout, /^proxy-status: stint; error=http_request_denied/m)
    assert.deepEqual(
      rig.events.filter(({ kind }) => kind === 'attempt').map(({ code }) => code),
      ['invalid_token'],
    )
    assert.deepEqual(seen, [])
  })

  test('with a proof made for another URL gets 407', async () => {
    const { rig, origin, seen } = await play()
    const got = await curl('-i', '-x', `http://127.0.0.1:${rig.port}`, ...proofFor('GET', `${origin}/other`), `${origin}/`)
    assert.match(got.stdout, /^HTTP\/1\.1 407 /)
    assert.deepEqual(seen, [])
  })

  test('never carries proxy credentials, hop-by-hop fields or claims about other hops to the target', async () => {
    const { rig, origin } = await play()
    const got = await mirrored(
      rig,
      `GET ${origin}/ HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      'Proxy-Authorization: DPoP x',
      'Proxy-Connection: keep-alive',
      'Proxy-Anything: 1',
      'Keep-Alive: timeout=5',
      'Connection: close, X-Hop',
      'X-Hop: secret',
      'X-Forwarded-For: 10.0.0.1',
      'Forwarded: for=10.0.0.1',
      'Via: 1.1 me',
      'X-Real-IP: 10.0.0.1',
      'X-Kept: yes',
      '',
      '',
    )
    assert.deepEqual(Object.keys(got.headers).sort(), ['connection', 'host', 'x-kept'])
    assert.equal(got.headers.host, new URL(origin).host)
  })

  test('keeps the caller’s own Authorization only where the target has no credential', async () => {
    const { rig, origin } = await play()
    const own = [`GET ${origin}/ HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Authorization: mine', 'Connection: close', '', '']
    assert.equal((await mirrored(rig, ...own)).headers.authorization, 'mine')
  })

  test('loses every credential of its own where the lease injects one, in whatever field', async () => {
    const injections = [{ kind: 'header', name: 'X-Token', prefix: 'Key ', value: new Secret('injected-secret-value') } as const]
    const seen: Record<string, unknown>[] = []
    const { rig, origin } = await play({ injections }, (request, response) => {
      seen.push({ ...request.headers })
      response.end()
    })
    const fields = [
      'Authorization',
      'Cookie',
      'X-Api-Key',
      'X_Api_Key',
      'Private-Token',
      'DPoP',
      'x-token',
      'X_TOKEN',
      'X-Goog-Api-Key',
    ]
    await exchange(
      rig,
      `GET ${origin}/ HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      ...fields.map((name) => `${name}: mine`),
      'Connection: close',
      '',
      '',
    )
    assert.ok(!JSON.stringify(seen).includes('mine'), JSON.stringify(seen))
    assert.equal(seen[0]?.['x-token'], 'Key injected-secret-value')
  })

  test('keeps its connection for the next request', async () => {
    const { rig, origin } = await play()
    const got = await curl(
      '-x',
      `http://127.0.0.1:${rig.port}`,
      '-w',
      '%{num_connects} ',
      '-o',
      '/dev/null',
      '-o',
      '/dev/null',
      ...proofFor('GET', `${origin}/`),
      `${origin}/`,
      `${origin}/`,
    )
    assert.equal(got.stdout, '1 0 ')
  })
})

describe('a refusal', () => {
  test('names the command that would declare the host, and dials nobody', async () => {
    const { rig } = await play()
    const answer = await exchange(rig, 'GET http://other.test/ HTTP/1.1', 'Host: other.test', 'Connection: close', '', '')
    const problem = JSON.parse(answer.body)
    assert.equal(answer.status, 403)
    assert.equal(problem.code, 'target_unknown')
    assert.match(problem.detail, /stint target add/)
    assert.deepEqual(rig.dialled, [])
    assert.deepEqual(
      rig.events.filter(({ kind }) => kind === 'attempt').map(({ code }) => code),
      ['target_unknown'],
    )
  })

  test('is problem JSON with a correlation id for programs, and text for git and curl', async () => {
    const { rig, origin, seen } = await play({ denies: () => true })
    const ask = (agent: string) =>
      exchange(
        rig,
        `GET ${origin}/ HTTP/1.1`,
        `Host: ${new URL(origin).host}`,
        `User-Agent: ${agent}`,
        'Connection: close',
        '',
        '',
      )
    const json = await ask('python-requests/2')
    assert.match(json.head, /^content-type: application\/problem\+json$/m)
    const problem = JSON.parse(json.body)
    assert.deepEqual([problem.status, problem.code, problem.reasons], [403, 'denied', ['no policy permits it']])
    assert.match(json.head, new RegExp(`^stint-correlation-id: ${problem.correlationId}`, 'm'))
    const text = await ask('git/2.50')
    assert.match(text.head, /^content-type: text\/plain; charset=utf-8$/m)
    assert.match(text.body, /^stint: Policy denies this \(denied\)\nno policy permits it\n/)
    assert.deepEqual(seen, [])
  })

  test('of a large upload reaches the client, whose connection is then closed', async () => {
    const { rig, origin, seen } = await play({ denies: () => true })
    const socket = await rig.attach()
    socket.write(`POST ${origin}/ HTTP/1.1\r\nHost: ${new URL(origin).host}\r\nContent-Length: 100000000\r\n\r\n`)
    const answer = readAll(socket)
    const flood = setInterval(() => socket.write(Buffer.alloc(65536)), 1)
    const text = await answer
    clearInterval(flood)
    assert.match(text, /^HTTP\/1\.1 403 /)
    assert.match(text, /^connection: close$/im)
    assert.deepEqual(seen, [])
  })

  test('for a HEAD request has no body', async () => {
    const { rig, origin } = await play({ denies: () => true })
    const got = await exchange(rig, `HEAD ${origin}/ HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Connection: close', '', '')
    assert.deepEqual([got.status, got.body], [403, ''])
  })

  test('says 403 for an address that no target declares, and 502 for a target that is not there', async () => {
    const rig = await startRig({
      targets: [
        { ...targetAt({ port: 80, host: 'meta.test', id: 'meta' }), privateNetworks: [] },
        targetAt({ port: 1, host: 'gone.test', id: 'gone' }),
      ],
    })
    closers.push(() => rig.stop())
    const meta = await exchange(rig, 'GET http://meta.test/ HTTP/1.1', 'Host: meta.test', 'Connection: close', '', '')
    const gone = await exchange(rig, 'GET http://gone.test:1/ HTTP/1.1', 'Host: gone.test:1', 'Connection: close', '', '')
    assert.deepEqual([meta.status, JSON.parse(meta.body).code], [403, 'address_refused'])
    assert.deepEqual([gone.status, JSON.parse(gone.body).code], [502, 'upstream_failed'])
    assert.match(meta.head, /^proxy-status: stint; error=destination_ip_prohibited/m)
    assert.deepEqual(
      rig.outcomes().map(({ result, code }) => [result, code]),
      [
        ['failed', 'address_refused'],
        ['failed', 'upstream_failed'],
      ],
    )
  })

  test('says 403 for a host that is not in the lease, and dials nobody', async () => {
    const { rig, origin, seen } = await play({ leaseHosts: [{ scheme: 'http', host: 'elsewhere.test', port: 80 }] })
    const got = await exchange(rig, `GET ${origin}/ HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Connection: close', '', '')
    assert.deepEqual([got.status, JSON.parse(got.body).code], [403, 'host_not_in_lease'])
    assert.deepEqual([seen, rig.dialled], [[], []])
  })

  test('says 504 when the target’s answer does not begin in time', async () => {
    const { rig, origin } = await play({ headersTimeoutMs: 200 }, () => {})
    const got = await exchange(rig, `GET ${origin}/ HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Connection: close', '', '')
    assert.deepEqual([got.status, JSON.parse(got.body).code], [504, 'upstream_timeout'])
  })
})

describe('what a target answers', () => {
  test('is passed back as it is: status, fields, cookies, redirects not followed', async () => {
    const { rig, origin, seen } = await play({}, (_request, response) => {
      response.writeHead(302, 'Look There', [
        ['location', 'http://other.test/'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['alt-svc', 'h3=":443"'],
      ])
      response.end('moved')
    })
    const got = await exchange(rig, `GET ${origin}/ HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Connection: close', '', '')
    assert.match(got.head, /^HTTP\/1\.1 302 Look There$/m)
    assert.match(got.head, /^location: http:\/\/other\.test\/$/m)
    assert.deepEqual(got.head.match(/^set-cookie: .*$/gm), ['set-cookie: a=1', 'set-cookie: b=2'])
    assert.doesNotMatch(got.head, /alt-svc/)
    assert.equal(seen.length, 1)
  })

  for (const [status, method] of [
    [204, 'GET'],
    [304, 'GET'],
    [200, 'HEAD'],
  ] as const) {
    test(`${status} to ${method} keeps its fields and has no body`, async () => {
      const { rig, origin } = await play({}, (_request, response) => {
        if (status === 200) response.setHeader('content-length', '1234')
        response.writeHead(status, { etag: '"x"' })
        response.end()
      })
      const got = await exchange(
        rig,
        `${method} ${origin}/ HTTP/1.1`,
        `Host: ${new URL(origin).host}`,
        'Connection: close',
        '',
        '',
      )
      assert.deepEqual([got.status, got.body], [status, ''])
      assert.match(got.head, /^etag: "x"$/m)
      if (status === 200) assert.match(got.head, /^content-length: 1234$/m)
    })
  }

  test('304 that announces trailers is passed back without the announcement', async () => {
    const upstream = createTcpServer((socket) => {
      socket
        .on('error', () => {})
        .once('data', () => socket.write('HTTP/1.1 304 Not Modified\r\ntrailer: x-sum\r\netag: "x"\r\n\r\n'))
    })
    const port = await listening(upstream)
    const rig = await startRig({ targets: [targetAt({ port })] })
    closers.push(async () => {
      await rig.stop()
      upstream.close()
    })
    const host = `up.test:${port}`
    const got = await exchange(rig, `GET http://${host}/ HTTP/1.1`, `Host: ${host}`, 'Connection: close', '', '')
    assert.equal(got.status, 304)
    assert.doesNotMatch(got.head, /trailer/i)
  })

  test('401 and 403 of the target are told apart from a completed exchange', async () => {
    const { rig, origin } = await play({}, (_request, response) => response.writeHead(401).end())
    await exchange(rig, `GET ${origin}/ HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Connection: close', '', '')
    assert.equal(rig.outcomes()[0]?.result, 'refused-upstream')
  })

  test('to an HTTP/1.0 client is not chunked', async () => {
    const { rig, origin } = await play({}, (_request, response) => {
      response.write('a')
      response.end('b')
    })
    const got = await exchange(rig, `GET ${origin}/ HTTP/1.0`, `Host: ${new URL(origin).host}`, '', '')
    assert.deepEqual([got.status, got.body], [200, 'ab'])
    assert.doesNotMatch(got.head, /transfer-encoding/i)
  })
})

describe('a request whose action is in its body', () => {
  const describeBody: Parameters<typeof startRig>[0]['describe'] = (operation) => ({
    id: `body:${Buffer.from(operation.body ?? [])}`,
    access: 'write',
    resource: '/',
    parameters: {},
  })

  test('is decided by its first bytes, which are then sent with the rest', async () => {
    const { rig, origin } = await play({ bodyPrefix: () => 4, describe: describeBody })
    const lines = [
      `POST ${origin}/ HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      'Transfer-Encoding: chunked',
      'Connection: close',
      '',
    ]
    const got = await mirrored(rig, ...lines, '2', 'ab', '3', 'cde', '1', 'f', '0', '', '')
    assert.equal(got.body, 'abcdef')
    assert.deepEqual(
      rig.decided().map(({ action }) => action),
      ['body:abcd'],
    )
  })

  test('is decided by the whole body when that is shorter', async () => {
    const { rig, origin } = await play({ bodyPrefix: () => 1000, describe: describeBody })
    const got = await mirrored(
      rig,
      `POST ${origin}/ HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      'Content-Length: 2',
      'Connection: close',
      '',
      'ab',
    )
    assert.equal(got.body, 'ab')
    assert.deepEqual(
      rig.decided().map(({ action }) => action),
      ['body:ab'],
    )
  })

  test('is not read at all for a caller who shows no proof', async () => {
    const { rig, origin } = await play({ bodyPrefix: () => 1000, describe: describeBody })
    const socket = connect(rig.port, '127.0.0.1')
    socket.write(`POST ${origin}/ HTTP/1.1\r\nHost: ${new URL(origin).host}\r\nContent-Length: 1000\r\n\r\n`)
    assert.equal(answerOf(await readAll(socket)).status, 407)
  })

  test('an action the connector cannot name is refused', async () => {
    const { rig, origin, seen } = await play({
      describe: () => {
        throw new StintError('unknown_action', 'no such endpoint')
      },
    })
    const got = await exchange(rig, `GET ${origin}/ HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Connection: close', '', '')
    assert.deepEqual([got.status, JSON.parse(got.body).code, seen], [403, 'unknown_action', []])
  })
})

describe('a kept-alive connection to a target', () => {
  test('that the target closed meanwhile costs a GET nothing', async () => {
    let count = 0
    const { rig, origin, seen } = await play({}, (request, response) => {
      count += 1
      if (count === 2) request.socket.destroy()
      else response.end('ok')
    })
    const ask = () => exchange(rig, `GET ${origin}/ HTTP/1.1`, `Host: ${new URL(origin).host}`, 'Connection: close', '', '')
    assert.equal((await ask()).status, 200)
    assert.equal((await ask()).status, 200)
    assert.equal(seen.length, 3)
  })

  test('that breaks during a POST is never tried again', async () => {
    const { rig, origin, seen } = await play({}, (request) => request.socket.destroy())
    const got = await exchange(
      rig,
      `POST ${origin}/ HTTP/1.1`,
      `Host: ${new URL(origin).host}`,
      'Content-Length: 1',
      'Connection: close',
      '',
      'x',
    )
    assert.deepEqual([got.status, seen.length], [502, 1])
  })
})
