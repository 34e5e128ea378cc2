import assert from 'node:assert/strict'
import { createServer as createTcpServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { answerOf, listening, type Rig, readAll, readHead, startRig, targetAt } from './rig.ts'

/** What reached the target, byte for byte. It answers every header section it sees. */
let received = ''
const upstream = createTcpServer((socket) => {
  socket
    .on('error', () => {})
    .on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (/\r\n\r\n(?:abc)?$/.test(received)) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
    })
})
let rig: Rig
let host = ''

before(async () => {
  const port = await listening(upstream)
  rig = await startRig({ targets: [targetAt({ port }), targetAt({ port, host: 'two.test', id: 'two' })], tunnels: [] })
  host = `up.test:${port}`
})
after(async () => {
  await rig.stop()
  upstream.close()
})

/** Sends bytes on an attached connection; answers all that came back, and what the target and the broker saw of it. */
async function send(bytes: string): Promise<{ answer: string; received: string; decided: number }> {
  received = ''
  const before = rig.decided().length
  const socket = await rig.attach()
  socket.write(bytes, 'latin1')
  const timer = setTimeout(() => socket.destroy(), 1500)
  const answer = await readAll(socket)
  clearTimeout(timer)
  return { answer, received, decided: rig.decided().length - before }
}

describe('a request that two servers could read differently is refused with 400, decided about by nobody and sent nowhere', () => {
  const get = 'GET http://HOST/ HTTP/1.1\r\nHost: HOST\r\n'
  const post = 'POST http://HOST/ HTTP/1.1\r\nHost: HOST\r\n'
  const TABLE: Readonly<Record<string, string>> = {
    'two Host fields': `${get}Host: HOST\r\n\r\n`,
    'two Host fields that differ': `${get}Host: evil.test\r\n\r\n`,
    'a Host field that differs from the URL': 'GET http://HOST/ HTTP/1.1\r\nHost: two.test\r\n\r\n',
    'a Host field with another port': 'GET http://HOST/ HTTP/1.1\r\nHost: up.test:1\r\n\r\n',
    'no Host field': 'GET http://HOST/ HTTP/1.1\r\n\r\n',
    'Content-Length and Transfer-Encoding': `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'Transfer-Encoding and Content-Length': `${post}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
    'two Content-Length fields': `${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
    'two Content-Length fields that differ': `${post}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx`,
    'a list of Content-Lengths': `${post}Content-Length: 1, 1\r\n\r\nx`,
    'a signed Content-Length': `${post}Content-Length: +1\r\n\r\nx`,
    'a hexadecimal Content-Length': `${post}Content-Length: 0x1\r\n\r\nx`,
    'an empty Content-Length': `${post}Content-Length: \r\n\r\n`,
    'a huge Content-Length': `${post}Content-Length: 99999999999999999999\r\n\r\nx`,
    'Transfer-Encoding identity': `${post}Transfer-Encoding: identity\r\n\r\n`,
    'Transfer-Encoding gzip, chunked': `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    'Transfer-Encoding chunked, identity': `${post}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    'Transfer-Encoding xchunked': `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    'Transfer-Encoding "chunked"': `${post}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
    'two Transfer-Encoding fields': `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'Transfer-Encoding in HTTP/1.0': 'POST http://HOST/ HTTP/1.0\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'a blank before the colon': `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    'a folded field': `${get}X: a\r\n b\r\n\r\n`,
    'a folded field with a tab': `${get}X: a\r\n\tb\r\n\r\n`,
    'a bare line feed between fields': `${get}X: a\nY: b\r\n\r\n`,
    'bare line feeds only': 'GET http://HOST/ HTTP/1.1\nHost: HOST\n\n',
    'a bare carriage return in a value': `${get}X: a\rY: b\r\n\r\n`,
    'a NUL in a value': `${get}X: a\0b\r\n\r\n`,
    'a NUL in a name': `${get}X\0: a\r\n\r\n`,
    'a blank in a name': `${get}X Y: a\r\n\r\n`,
    'an empty name': `${get}: a\r\n\r\n`,
    'a user in the URL': 'GET http://user@HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'a user and password in the URL': 'GET http://u:p@HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'another URL scheme': 'GET ftp://HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'an origin-form target': 'GET / HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'an asterisk target': 'OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'a fragment in the URL': 'GET http://HOST/#x HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'dot segments': 'GET http://HOST/a/../b HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'escaped dot segments': 'GET http://HOST/a/%2e%2e/b HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'an escaped slash': 'GET http://HOST/a%2fb HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'a backslash': 'GET http://HOST/a\\b HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'a semicolon': 'GET http://HOST/a;b HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'a bad escape': 'GET http://HOST/%zz HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'a non-ASCII path': 'GET http://HOST/\xe9 HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'the TRACE method': 'TRACE http://HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'a method nobody knows': 'FROB http://HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'a method that is no token': 'GE(T http://HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'HTTP/0.9': 'GET http://HOST/ HTTP/0.9\r\nHost: HOST\r\n\r\n',
    'HTTP/2.0 spoken as HTTP/1': 'GET http://HOST/ HTTP/2.0\r\nHost: HOST\r\n\r\n',
    'the HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'a method override': `${post}X-HTTP-Method-Override: DELETE\r\n\r\n`,
    'a path override': `${get}X-Original-URL: /admin\r\n\r\n`,
    'Connection naming Host': `${get}Connection: close, Host\r\n\r\n`,
    'Connection naming Content-Length': `${post}Content-Length: 1\r\nConnection: content-length\r\n\r\nx`,
    'Connection naming Authorization': `${get}Authorization: a\r\nConnection: authorization\r\n\r\n`,
    '201 header fields': `${get}${Array.from({ length: 200 }, (_, i) => `X${i}: a\r\n`).join('')}\r\n`,
    '2001 header fields, the last of them a second Host': `${get}${'a:\r\n'.repeat(2000)}Host: evil.test\r\n\r\n`,
    'a header section of 40 KiB': `${get}X: ${'a'.repeat(40 * 1024)}\r\n\r\n`,
    'CONNECT with a body': 'CONNECT HOST HTTP/1.1\r\nHost: HOST\r\nContent-Length: 4\r\n\r\nabcd',
    'CONNECT with a chunked body': 'CONNECT HOST HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    'CONNECT with another Host': 'CONNECT HOST HTTP/1.1\r\nHost: two.test:443\r\n\r\n',
    'CONNECT without a port': 'CONNECT up.test HTTP/1.1\r\nHost: up.test\r\n\r\n',
    'CONNECT to a URL': 'CONNECT http://HOST/ HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'CONNECT with a user': 'CONNECT a@HOST HTTP/1.1\r\nHost: HOST\r\n\r\n',
    'attaching twice':
      'GET /.well-known/stint/attach HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: stint-task/1\r\n\r\n',
  }
  for (const [name, text] of Object.entries(TABLE)) {
    test(name, async () => {
      const got = await send(text.replaceAll('HOST', host))
      const { status, body } = answerOf(got.answer)
      assert.equal(status, 400, got.answer)
      assert.equal(JSON.parse(body.split('\n', 1).join()).code, 'malformed_request')
      assert.deepEqual([got.received, got.decided], ['', 0])
    })
  }
})

describe('what is sent is what was decided', () => {
  test('a body whose chunks are malformed is broken off, and no second request is smuggled behind it', async () => {
    const smuggled = `GET http://${host}/smuggled HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    const got = await send(
      `POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nabcde\r\n0\r\n\r\n${smuggled}`,
    )
    assert.ok(!got.received.includes('smuggled'))
    assert.doesNotMatch(got.answer, /^HTTP\/1\.1 200/)
  })

  test('chunk extensions do not travel', async () => {
    const got = await send(
      `POST http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3;ext="x"\r\nabc\r\n0\r\n\r\n`,
    )
    assert.match(got.received, /\r\n\r\nabc$/)
    assert.doesNotMatch(got.received, /ext/)
  })

  test('a request after a shorter body is decided by itself', async () => {
    const first = `POST http://${host}/one HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\n\r\n\r\n`
    const got = await send(`${first}GET http://${host}/two HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    assert.equal(got.decided, 2)
  })

  test('the spelling that was decided goes out, whatever the client wrote', async () => {
    const got = await send(
      `GET HTTP://UP.test.:${host.split(':')[1]}/%7euser/a%c3%a9?q=%2e%2E HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    )
    assert.match(got.received, /^GET \/~user\/a%C3%A9\?q=%2e%2E HTTP\/1\.1\r\n/)
    assert.equal(rig.decided().at(-1)?.resource, 'up /~user/a%C3%A9')
  })

  test('fields that Connection names are left out, and only those', async () => {
    const got = await send(
      `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close, X-One\r\nX-One: 1\r\nX-Two: 2\r\n\r\n`,
    )
    assert.doesNotMatch(got.received, /x-one/i)
    assert.match(got.received, /^x-two: 2\r$/m)
  })
})

describe('the target’s answer', () => {
  const answers: Readonly<Record<string, string>> = {
    'two Content-Lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nokk',
    'both framings': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'a bare line feed': 'HTTP/1.1 200 OK\r\nx: a\ny: b\r\ncontent-length: 2\r\n\r\nok',
    'no HTTP at all': 'SSH-2.0-OpenSSH\r\n',
    nothing: '',
  }
  for (const [name, bytes] of Object.entries(answers)) {
    test(`with ${name} becomes 502`, async () => {
      const server = createTcpServer((socket) => {
        socket.on('error', () => {}).once('data', () => socket.end(bytes))
      })
      const port = await listening(server)
      const own = await startRig({ targets: [targetAt({ port })] })
      const socket = await own.attach()
      socket.write(`POST http://up.test:${port}/ HTTP/1.1\r\nHost: up.test:${port}\r\nConnection: close\r\n\r\n`)
      assert.match(await readHead(socket), /^HTTP\/1\.1 502 /)
      await own.stop()
      server.close()
    })
  }
})
