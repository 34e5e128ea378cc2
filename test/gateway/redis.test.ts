import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { redis } from '../../src/credentials/connectors/redis.ts'
import { encodeCommand } from '../../src/credentials/protocols/resp.ts'
import { createRedis } from '../../src/gateway/redis.ts'
import { createRedisScreen } from '../../src/gateway/redis-commands.ts'
import { Secret } from '../../src/secret.ts'
import { redisCli, redisTarget } from '../providers/redis.ts'
import { startRedis } from '../services/redis.ts'
import { startEntrance, type WireRig } from './wire-rig.ts'

/** What goes on of `bytes`, cut at `cuts`, and whether the connection was broken off. */
function screened(bytes: Buffer, cuts: readonly number[] = []): { text: string; isBroken: boolean } {
  let isBroken = false
  const screen = createRedisScreen(() => (isBroken = true))
  const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
  const text = at.slice(1).map((end, i) => screen(bytes.subarray(at[i], end)).toString('latin1'))
  return { text: text.join(''), isBroken }
}

describe('what a client of Redis sends', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom('GET', 'auth', 'AUTH', 'HELLO', 'hello', 'RESET', '3', 'SETNAME'),
  )
  const isRefused = ([name = '', ...rest]: readonly string[]): boolean => {
    const upper = name.toUpperCase()
    return upper === 'AUTH' || upper === 'RESET' || (upper === 'HELLO' && rest.some((one) => one.toUpperCase() === 'AUTH'))
  }

  test('goes on as it is, but for what would make it another user’s, wherever it is cut', () => {
    const command = fc.array(word, { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(fc.array(command, { maxLength: 6 }), fc.array(fc.nat(300)), (commands, cuts) => {
        const expected = commands.map((words) =>
          isRefused(words) ? encodeCommand([`stint.refuses.${words[0]?.toUpperCase()}`]) : encodeCommand(words),
        )
        const seen = screened(Buffer.concat(commands.map(encodeCommand)), cuts)
        assert.deepEqual(seen, { text: Buffer.concat(expected).toString('latin1'), isBroken: false })
      }),
    )
  })

  for (const [what, text] of [
    ['an inline command', 'AUTH x\r\n'],
    ['an inline command in quotes', '"A\\x55TH" x\r\n'],
    ['an empty array', '*0\r\n'],
    ['a negative array', '*-1\r\n'],
    ['a string where an array belongs', '$1\r\n$4\r\nPING\r\n'],
    ['a number with a sign', '*+1\r\n$4\r\nPING\r\n'],
    ['a number with a zero in front', '*01\r\n$4\r\nPING\r\n'],
    ['a line that ends otherwise', '*1\n$4\nPING\n'],
    ['another length than it says', '*1\r\n$3\r\nPING\r\n'],
    ['a HELLO without end', `*3\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$9000\r\n${'a'.repeat(9000)}\r\n`],
    ['a name without end', `*1\r\n$9000\r\n${'a'.repeat(9000)}\r\n`],
    ['a line without end', '*'.repeat(100)],
  ] as const)
    test(`goes nowhere with ${what}`, () => {
      const seen = screened(Buffer.concat([Buffer.from(text), encodeCommand(['GET', 'a'])]))
      assert.deepEqual([seen.text.length, seen.isBroken], [0, true])
    })

  test('goes on in pieces when it is large', () => {
    let passed = 0
    const screen = createRedisScreen(() => assert.fail('it is not broken off'))
    passed += screen(Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000000\r\n')).length
    for (let i = 0; i < 1000; i += 1) passed += screen(Buffer.alloc(100_000, 0x2a)).length
    passed += screen(Buffer.from('\r\n')).length
    assert.equal(passed, 100_000_034)
  })
})

const service = await startRedis()

describe('the Redis entrance', { skip: service.skip }, () => {
  const enter = (t: TestContext): Promise<WireRig> =>
    startEntrance(t, createRedis, {
      connector: redis,
      target: redisTarget(service.running),
      standing: new Secret(service.running.password),
    })
  const cli = (port: number, ...command: string[]): Promise<string> =>
    redisCli({ host: '127.0.0.1', port, password: '' }, [], ...command)

  test('lets an unmodified redis-cli work without a password, as far as its user may', async (t) => {
    const { port, asked, ended } = await enter(t)
    assert.equal(await cli(port, 'SET', 'cache:x', 'one'), 'OK')
    assert.equal(await cli(port, 'GET', 'cache:x'), 'one')
    await assert.rejects(cli(port, 'GET', 'other'), /NOPERM/)
    assert.deepEqual(asked, Array(3).fill('redis:Session::write'))
    assert.ok(ended.every((one) => 'outcome' in one && one.outcome.result === 'completed' && one.outcome.bytesOut > 0))
  })

  test('carries a large value both ways', async (t) => {
    const { port } = await enter(t)
    const value = 'x'.repeat(5_000_000)
    const client = connect(port, '127.0.0.1')
    client.write(
      Buffer.concat([encodeCommand(['SET', 'cache:big', value]), encodeCommand(['GET', 'cache:big']), encodeCommand(['QUIT'])]),
    )
    let length = 0
    for await (const chunk of client) length += chunk.length
    assert.equal(length, '+OK\r\n$5000000\r\n\r\n+OK\r\n'.length + value.length)
  })

  test('refuses to be made another user’s, in the order of the commands', async (t) => {
    const { port } = await enter(t)
    const client = connect(port, '127.0.0.1')
    const { password } = service.running
    client.write(
      Buffer.concat(
        [
          ['PING'],
          ['AUTH', 'default', password],
          ['RESET'],
          ['HELLO', '3', 'AUTH', 'default', password],
          ['CONFIG', 'GET', '*'],
          ['QUIT'],
        ].map(encodeCommand),
      ),
    )
    const lines = (await client.toArray()).join('').split('\r\n')
    const expected = [
      /^\+PONG/,
      /^-ERR.*stint.refuses.AUTH/,
      /^-ERR.*stint.refuses.RESET/,
      /^-ERR.*stint.refuses.HELLO/,
      /^-NOPERM/,
      /^\+OK/,
    ]
    for (const [i, one] of expected.entries()) assert.match(lines[i] ?? '', one)
  })

  test('says why it refuses, and cuts what is open', async (t) => {
    const rig = await enter(t)
    const client = connect(rig.port, '127.0.0.1')
    client.write(encodeCommand(['PING']))
    await once(client, 'data')
    const closed = new Promise((done) => client.on('error', () => {}).once('close', done))
    rig.cut()
    await closed
    assert.deepEqual(
      rig.ended.map((one) => 'outcome' in one && one.outcome.result),
      ['cut'],
    )
    rig.deny()
    await assert.rejects(cli(rig.port, 'GET', 'cache:x'), /NOPERM Stint: not today/)
  })
})
