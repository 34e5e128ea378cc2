/** G11: a stolen proxy address is useless from another process. Here: without a sandbox, where the address is reachable by all. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { after, beforeEach, test } from 'node:test'
import { promisify } from 'node:util'
import { startFakeStint } from '../run/fake-stint.ts'
import { hold, startRun } from '../run/start-run.ts'

const fake = await startFakeStint()
beforeEach(() => {
  fake.seen.length = 0
})
after(() => fake.close())

const stealAddress = (script = '') => hold(fake, ['--sandbox', 'off'], script)

function use(address: URL): Promise<{ status: number | undefined; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; body: string }>()
  const asked = request({ host: address.hostname, port: address.port, path: 'http://upstream.test/stolen', agent: false })
  asked.on('error', reject)
  asked.on('response', (answer) => void text(answer).then((body) => resolve({ status: answer.statusCode, body })))
  asked.end()
  return promise
}

test('G11: another process is answered 403 in words, and the gateway never hears of it', async () => {
  const { address, finish } = await stealAddress()
  const attaches = fake.attaches
  const { status, body } = await use(address)
  assert.equal(status, 403)
  assert.equal(JSON.parse(body).code, 'unauthenticated')
  assert.deepEqual([fake.seen, fake.attaches], [[], attaches])
  await finish()
})

test('G11: a real client from outside gets nothing through, also with CONNECT', async () => {
  const { address, finish } = await stealAddress()
  const curl = promisify(execFile)('curl', ['-sS', '--max-time', '10', '-x', address.href, 'https://upstream.test/'])
  await assert.rejects(curl, /403/)
  assert.deepEqual(fake.seen, [])
  await finish()
})

test('G11: the command, its children and its daemons are served', async () => {
  const get = (path: string) => `curl -s http://upstream.test/${path}`
  const { finish } = await stealAddress(
    `${get('own')}; sh -c '${get('child')}'; (setsid sh -c '${get('daemon')}; true' &); sleep 0.5`,
  )
  const { stdout } = await finish()
  assert.equal(stdout, 'hello from upstream\n'.repeat(3))
  assert.deepEqual(fake.seen.sort(), [
    'GET http://upstream.test/child',
    'GET http://upstream.test/daemon',
    'GET http://upstream.test/own',
  ])
})

test('G11: the address is dead when the task is over', async () => {
  const { address, finish } = await stealAddress()
  await finish()
  await assert.rejects(use(address), { code: 'ECONNREFUSED' })
})

test('G11: one run’s command cannot use another run’s address', async () => {
  const { address, finish } = await stealAddress()
  const command = ['sh', '-c', `curl -s -o /dev/null -w '%{http_code}' -x ${address.href} http://upstream.test/`]
  const { stdout } = await startRun(fake, ['--sandbox', 'off'], command).done
  assert.equal(stdout, '403')
  assert.deepEqual(fake.seen, [])
  await finish()
})

test('G11: the key cannot be had from stint run: not traced, not read, not debugged by a signal', async () => {
  const script = `
    const { readFileSync, openSync, readlinkSync, readdirSync } = require('node:fs'); const { connect } = require('node:net')
    const attempt = (work) => { try { work(); return 'done' } catch (error) { return error.code } }
    const stint = Number(readFileSync('/proc/' + process.ppid + '/stat', 'latin1').split(') ')[1].split(' ')[1])
    const parent = '/proc/' + stint
    const proc = { mem: attempt(() => openSync(parent + '/mem', 'r+')), environ: attempt(() => readFileSync(parent + '/environ')), fd: attempt(() => readdirSync(parent + '/fd')) }
    for (const pid of [process.ppid, stint]) process.kill(pid, 'SIGUSR1')
    process.on('SIGUSR1', () => {})
    setTimeout(() => connect(9229, '127.0.0.1').on('error', (error) => { console.log(JSON.stringify({ ...proc, debug: error.code })) }).on('connect', () => { console.log('{"debug":"open"}'); process.exit() }), 300)`
  const user = process.getuid?.() === 0 ? { under: asNobody } : {}
  const { stdout, stderr } = await startRun(
    fake,
    ['--sandbox', 'off'],
    [process.execPath, '-e', `process.on('SIGUSR1', () => {});${script}`],
    user,
  ).done
  assert.deepEqual(JSON.parse(stdout || '{}'), { mem: 'EACCES', environ: 'EACCES', fd: 'EACCES', debug: 'ECONNREFUSED' }, stderr)
})

/** The machine's root may trace everything, so this is asked as somebody else. */
function asNobody(argv: readonly string[]): readonly string[] {
  return [
    'sh',
    '-c',
    'chmod -R a+rwX "$0" && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"',
    fake.directory,
    ...argv,
  ]
}
