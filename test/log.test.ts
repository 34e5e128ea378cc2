import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { StintError } from '../src/errors.ts'
import { createLog, type Log } from '../src/log.ts'
import { Secret } from '../src/secret.ts'

const SECRET = 'hunter2-hunter2-hunter2'
const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'

function capture(): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { log: createLog('debug', { write: (line) => void lines.push(line) }), lines }
}

describe('the log', () => {
  const ways: Readonly<Record<string, (log: Log) => void>> = {
    'a Secret as a field': (log) => log.info({ value: new Secret(SECRET) }),
    'a Secret deep inside': (log) => log.info({ a: { b: [{ c: new Secret(SECRET) }] } }),
    'a Secret in a message': (log) => log.info(`it is ${new Secret(SECRET)}`),
    'a Secret as an argument': (log) => log.info('it is %s %o %j', new Secret(SECRET), new Secret(SECRET), new Secret(SECRET)),
    'a Secret in a child': (log) => log.child({ value: new Secret(SECRET) }).info('x'),
    'an authorization header': (log) => log.info({ req: { headers: { authorization: SECRET, cookie: SECRET } } }),
    'headers one level down': (log) =>
      log.info({ headers: { 'proxy-authorization': SECRET, dpop: SECRET, 'set-cookie': SECRET } }),
    'headers at the root': (log) => log.info({ authorization: SECRET }),
    'a Bearer token in a message': (log) => log.warn(`sent Authorization: Bearer ${SECRET}`),
    'a DPoP token in an error': (log) => log.error({ err: new Error(`got DPoP ${JWT} back`) }),
    'a Basic credential in a cause': (log) =>
      log.error({ err: new StintError('internal', 'x', { cause: new Error(`basic ${SECRET}`) }) }),
    'a bare JWT': (log) => log.info({ note: `token=${JWT}` }),
  }
  for (const [what, write] of Object.entries(ways))
    test(`never shows ${what}, and stays JSON`, () => {
      const { log, lines } = capture()
      write(log)
      assert.equal(lines.length, 1)
      for (const line of lines) {
        assert.ok(!line.includes(SECRET) && !line.includes(JWT), line)
        assert.match(line, /\[secret\]/)
        assert.equal(typeof JSON.parse(line), 'object')
      }
    })

  test('keeps what is no secret, the correlation id of a child, and the operator’s detail', () => {
    const { log, lines } = capture()
    log.child({ correlationId: 'c-1' }).error({ err: new StintError('internal', 'x', { operatorDetail: 'disk 3' }) }, 'failed')
    const [line = ''] = lines
    const { correlationId, msg, level } = JSON.parse(line)
    assert.deepEqual([correlationId, msg, level], ['c-1', 'failed', 50])
    assert.match(line, /disk 3/)
  })

  test('writes nothing below its level', () => {
    const lines: string[] = []
    createLog('warn', { write: (line) => void lines.push(line) }).info('x')
    assert.deepEqual(lines, [])
  })
})
