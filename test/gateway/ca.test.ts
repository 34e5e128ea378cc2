import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect, createServer, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { StintError } from '../../src/errors.ts'
import { type Ca, openCa } from '../../src/gateway/ca.ts'
import { listening } from './rig.ts'

const run = promisify(execFile)
const DAY_MS = 86_400_000

test('a leaf is for its host alone, name or address, and lives for days', async (t) => {
  const ca = await open(t)
  for (const [host, expected] of [
    ['api.example.com', 'DNS:api.example.com'],
    ['my_host', 'DNS:my_host'],
    [`${'a'.repeat(63)}.${'b'.repeat(63)}.example.com`, `DNS:${'a'.repeat(63)}.${'b'.repeat(63)}.example.com`],
    ['127.0.0.1', 'IP Address:127.0.0.1'],
    ['[2001:db8::1]', 'IP Address:2001:DB8:0:0:0:0:0:1'],
  ] as const) {
    const leaf = await leafOf(t, ca, host)
    assert.equal(leaf.subjectAltName, expected)
    assert.equal(leaf.ca, false)
    assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1'])
    const days = (leaf.validToDate.getTime() - Date.now()) / DAY_MS
    assert.ok(days > 1 && days < 8 && leaf.validFromDate.getTime() < Date.now() - DAY_MS / 2)
  }
})

test('a client that trusts the CA is content, and one that does not is not', async (t) => {
  const ca = await open(t)
  const port = await serve(t, ca, 'api.example.com')
  const socket = await handshake(t, port, { servername: 'api.example.com', ca: ca.certificatePem })
  assert.equal(socket.authorized, true)
  await assert.rejects(handshake(t, port, { servername: 'api.example.com' }))
  await assert.rejects(handshake(t, port, { servername: 'other.example.com', ca: ca.certificatePem }))
})

test('OpenSSL finds CA and leaves correct under its strict rules, with the host', async (t) => {
  const ca = await open(t)
  const { dir } = ca
  for (const [host, option] of [
    ['api.example.com', '-verify_hostname'],
    ['127.0.0.1', '-verify_ip'],
    ['2001:db8::1', '-verify_ip'],
  ] as const) {
    const file = join(dir, 'leaf.pem')
    writeFileSync(file, (await leafOf(t, ca, host)).toString())
    const args = [
      'verify',
      '-x509_strict',
      '-purpose',
      'sslserver',
      '-check_ss_sig',
      '-CAfile',
      join(dir, 'ca.pem'),
      option,
      host,
      file,
    ]
    assert.match((await run('openssl', args)).stdout, /: OK/)
    await assert.rejects(run('openssl', args.with(-2, option === '-verify_ip' ? '127.0.0.9' : 'x.example')))
  }
  const text = (await run('openssl', ['x509', '-in', join(dir, 'ca.pem'), '-noout', '-text'])).stdout
  assert.match(text, /CA:TRUE, pathlen:0/)
  assert.match(text, /Key Usage: critical\s+Certificate Sign\n/)
})

test('curl takes the CA file and reaches the host', async (t) => {
  const ca = await open(t)
  const port = await serve(t, ca, 'api.example.com')
  const args = [
    '-sS',
    '--max-time',
    '10',
    '--noproxy',
    '*',
    '--resolve',
    `api.example.com:${port}:127.0.0.1`,
    `https://api.example.com:${port}/`,
  ]
  assert.equal((await run('curl', [...args, '--cacert', join(ca.dir, 'ca.pem')])).stdout, 'ok')
  await assert.rejects(run('curl', args))
})

test('the same CA is opened again, and another directory gets another with another name', async (t) => {
  const first = await open(t)
  const again = await openCa(first.dir, { now: Date.now })
  assert.equal(again.certificatePem, first.certificatePem)
  const port = await serve(t, again, 'api.example.com')
  await handshake(t, port, { servername: 'api.example.com', ca: first.certificatePem })
  const other = new X509Certificate((await open(t)).certificatePem)
  assert.notEqual(other.subject, new X509Certificate(first.certificatePem).subject)
})

test('the key is for its owner only, and nothing else is left lying about', async (t) => {
  const { dir } = await open(t)
  assert.equal(statSync(join(dir, 'ca.key')).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(dir).sort(), ['ca.key', 'ca.pem'])
})

test('the same host is answered from memory until its leaf is to be renewed, before it ends', async (t) => {
  let now = Date.now()
  const ca = await open(t, () => now)
  const [first, second] = await Promise.all([ca.contextFor('a.example'), ca.contextFor('a.example')])
  assert.equal(first, second)
  assert.notEqual(await ca.contextFor('b.example'), first)
  const { validToDate } = await leafOf(t, ca, 'a.example')
  now += DAY_MS
  assert.equal(await ca.contextFor('a.example'), first)
  now = validToDate.getTime() - DAY_MS
  assert.notEqual(await ca.contextFor('a.example'), first)
  assert.ok((await leafOf(t, ca, 'a.example')).validToDate.getTime() > now + 5 * DAY_MS)
})

test('a client that asks for ever new names does not fill the memory, and a busy name stays', async (t) => {
  const ca = await open(t)
  const busy = await ca.contextFor('busy.example')
  const first = await ca.contextFor('h0.example')
  for (let i = 1; i < 300; i += 1) {
    await ca.contextFor(`h${i}.example`)
    if (i % 100 === 0) await ca.contextFor('busy.example')
  }
  assert.equal(await ca.contextFor('busy.example'), busy)
  assert.notEqual(await ca.contextFor('h0.example'), first)
})

const UNSAFE: readonly (readonly [string, (dir: string) => void])[] = [
  ['a key that the group may read', (dir) => chmodSync(join(dir, 'ca.key'), 0o640)],
  ['a key that everybody may read', (dir) => chmodSync(join(dir, 'ca.key'), 0o604)],
  ['a missing key', (dir) => rmSync(join(dir, 'ca.key'))],
  ['a broken key', (dir) => writeFileSync(join(dir, 'ca.key'), 'x')],
  ['an empty certificate', (dir) => writeFileSync(join(dir, 'ca.pem'), '')],
  [
    'a directory where the key belongs',
    (dir) => {
      rmSync(join(dir, 'ca.key'))
      mkdirSync(join(dir, 'ca.key'))
    },
  ],
]

for (const [about, damage] of UNSAFE) {
  test(`${about} is refused as unsafe and nothing is replaced`, async (t) => {
    const { dir } = await open(t)
    damage(dir)
    const before = readFileSync(join(dir, 'ca.pem'), 'utf8')
    await assert.rejects(
      openCa(dir, { now: Date.now }),
      (thrown) => thrown instanceof StintError && thrown.code === 'state_unsafe',
    )
    assert.equal(readFileSync(join(dir, 'ca.pem'), 'utf8'), before)
  })
}

test('a certificate of another CA, or one that Stint did not make, is refused', async (t) => {
  const { dir } = await open(t)
  const other = await open(t)
  writeFileSync(join(dir, 'ca.pem'), other.certificatePem)
  await assert.rejects(openCa(dir, { now: Date.now }), (thrown) => thrown instanceof StintError && thrown.code === 'state_unsafe')
  await run('openssl', [
    'req',
    '-x509',
    '-key',
    join(dir, 'ca.key'),
    '-out',
    join(dir, 'ca.pem'),
    '-subj',
    '/O=Other/CN=Other',
    '-days',
    '9',
  ])
  await assert.rejects(openCa(dir, { now: Date.now }), (thrown) => thrown instanceof StintError && thrown.code === 'state_unsafe')
})

test('a first start that broke off after the key was written is started anew', async (t) => {
  const { dir } = await open(t)
  rmSync(join(dir, 'ca.pem'))
  writeFileSync(join(dir, 'ca.pem.1.tmp'), 'half')
  const ca = await openCa(dir, { now: Date.now })
  const port = await serve(t, ca, 'api.example.com')
  await handshake(t, port, { servername: 'api.example.com', ca: readFileSync(join(dir, 'ca.pem'), 'utf8') })
})

async function open(t: TestContext, now: () => number = Date.now): Promise<Ca & { dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'stint-ca-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return { ...(await openCa(dir, { now })), dir }
}

async function serve(t: TestContext, ca: Ca, host: string): Promise<number> {
  const context = await ca.contextFor(host)
  const server = createServer({ SNICallback: (_, done) => done(null, context) })
  server.on('secureConnection', (socket) => {
    socket
      .on('error', () => {})
      .once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok'))
  })
  server.on('tlsClientError', () => {})
  t.after(() => server.close())
  return listening(server)
}

function handshake(t: TestContext, port: number, options: { servername: string; ca?: string }): Promise<TLSSocket> {
  return new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1', ...options }, () => done(socket))
    socket.on('error', fail)
    t.after(() => socket.destroy())
  })
}

interface Leaf extends Pick<X509Certificate, 'ca' | 'keyUsage' | 'subjectAltName' | 'validFromDate' | 'validToDate'> {
  toString(): string
}

/** The leaf as a client gets it. */
async function leafOf(t: TestContext, ca: Ca, host: string): Promise<Leaf> {
  const port = await serve(t, ca, host)
  const socket = await new Promise<TLSSocket>((done, fail) => {
    const one = connect({
      port,
      host: '127.0.0.1',
      servername: 'any.example',
      rejectUnauthorized: false,
    })
    one.on('secureConnect', () => done(one)).on('error', fail)
  })
  t.after(() => socket.destroy())
  const { raw }: DetailedPeerCertificate = socket.getPeerCertificate(true)
  return new X509Certificate(raw)
}
