import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { StintError } from '../../src/errors.ts'
import { Secret } from '../../src/secret.ts'
import { readPostgresUrl } from '../../src/store/postgres-url.ts'

const read = (text: string) => readPostgresUrl(new Secret(text))

describe('a PostgreSQL URL', () => {
  test('names user, password, host, port and database, each with what is special escaped', () => {
    const place = read('postgresql://ann:p%40ss%2Fword@db.example:5433/stint')
    const { ssl, ...rest } = place
    assert.deepEqual(rest, { host: 'db.example', port: 5433, user: 'ann', database: 'stint', password: 'p@ss/word' })
    assert.notEqual(ssl, false)
  })

  test('may name a socket’s directory or an IPv6 address; the port is 5432 and the database the user’s by default', () => {
    const socket = read('postgres://ann@%2Frun%2Fpostgresql')
    assert.deepEqual([socket.host, socket.port, socket.database, socket.ssl], ['/run/postgresql', 5432, 'ann', false])
    assert.equal(read('postgres://ann@localhost/x?host=/run/postgresql').host, '/run/postgresql')
    assert.equal(read('postgres://ann@[2001:db8::1]/x').host, '2001:db8::1')
  })

  test('is TLS with the name verified, unless it is on this machine or says otherwise', () => {
    const tls = (text: string) => {
      const { ssl } = read(text)
      return ssl && { verified: ssl.rejectUnauthorized, name: ssl.checkServerIdentity === undefined, host: ssl.host }
    }
    const host = 'db.example'
    assert.deepEqual(tls('postgres://a@db.example/x'), { verified: true, name: true, host })
    assert.deepEqual(tls('postgres://a@db.example/x?sslmode=verify-full'), { verified: true, name: true, host })
    assert.deepEqual(tls('postgres://a@db.example/x?sslmode=verify-ca'), { verified: true, name: false, host })
    assert.deepEqual(tls('postgres://a@db.example/x?sslmode=require'), { verified: false, name: true, host })
    assert.equal(tls('postgres://a@db.example/x?sslmode=disable'), false)
    assert.equal(tls('postgres://a@127.0.0.1/x'), false)
  })

  test('verifies what its own root certificate is for, as libpq does, also under require', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'stint-url-')), 'root.pem')
    writeFileSync(file, 'a certificate')
    const { ssl } = read(`postgres://a@db.example/x?sslmode=require&sslrootcert=${file}`)
    assert.ok(ssl !== false)
    assert.deepEqual([ssl.rejectUnauthorized, ssl.ca], [true, 'a certificate'])
  })

  const wrong = [
    'db.example/stint',
    'mysql://a:hunter2hunter2@db.example/x',
    'postgres://a:hunter2hunter2@db.example:port/x',
    'postgres://a:hunter2hunter2%zz@db.example/x',
    'postgres://:hunter2hunter2@db.example/x',
    'postgres://a:hunter2hunter2@db.example/x?port=0',
    'postgres://a:hunter2hunter2@db.example/x?sslmode=prefer',
    'postgres://a:hunter2hunter2@db.example/x?sslmode=hunter2hunter2',
    'postgres://a:hunter2hunter2@db.example/x?hunter2hunter2=1',
    'postgres://a:hunter2hunter2@db.example/x?sslrootcert=/nonexistent/hunter2hunter2',
  ]
  for (const text of wrong)
    test(`${text.replaceAll('hunter2', '*')} is refused, and nothing of it shows`, () => {
      assert.throws(
        () => read(text),
        (thrown) =>
          thrown instanceof StintError &&
          thrown.code === 'invalid_config' &&
          !inspect(thrown, { depth: 9, showHidden: true }).includes('hunter2hunter2'),
      )
    })
})
