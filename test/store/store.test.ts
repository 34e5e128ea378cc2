import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { openStore } from '../../src/store/store.ts'
import { temporaryDirectory, temporaryStore } from './temporary.ts'

const code = (expected: string) => (thrown: unknown) => thrown instanceof StintError && thrown.code === expected

describe('the SQLite store', () => {
  test('keeps what was written after it is opened again, in a file for the owner alone', async (t) => {
    const path = join(await temporaryDirectory(t), 'state.db')
    const first = await openStore(path)
    await first.write((tx) => tx.insertInto('meta').values({ key: 'a', value: 'b' }).execute())
    for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal((await stat(file)).mode & 0o777, 0o600)
    await first.close()
    const second = await openStore(path)
    t.after(() => second.close())
    const found = await second.db.selectFrom('meta').select('value').where('key', '=', 'a').executeTakeFirst()
    assert.equal(found?.value, 'b')
  })

  test('commits to disk before it answers, checks references and overwrites what it deletes', async (t) => {
    const { store } = await temporaryStore(t)
    const pragma = async (name: string) => {
      const { rows } = await store.db.executeQuery<Record<string, unknown>>(compiled(`pragma ${name}`))
      return Object.values(rows[0] ?? {})[0]
    }
    assert.equal(await pragma('journal_mode'), 'wal')
    assert.equal(await pragma('synchronous'), 2)
    assert.equal(await pragma('foreign_keys'), 1)
    assert.equal(await pragma('secure_delete'), 1)
    const orphan = store.write((tx) =>
      tx
        .insertInto('tasks')
        .values({ ...row('task_2'), parent_id: 'task_none' })
        .execute(),
    )
    await assert.rejects(orphan, code('store_unavailable'))
  })
})

describe('a store of the first schema', () => {
  test('is brought up to date, and what it held is there', async (t) => {
    const path = join(await temporaryDirectory(t), 'state.db')
    await (await openStore(path)).close()
    const raw = new DatabaseSync(path)
    raw.exec(
      "drop table leases; drop table approvals; drop table approval_deliveries; drop table seals; drop table openings; drop table task_labels; drop table task_budgets; drop table findings; drop table reached_targets; drop table used_tokens; drop table gateways; drop table recipes; drop table rotations; alter table tasks drop column gateway; update meta set value = '1' where key = 'schema'; insert into tunnels values ('a.test', 443, 1)",
    )
    raw.close()
    const store = await openStore(path)
    t.after(() => store.close())
    assert.deepEqual(await store.db.selectFrom('used_tokens').selectAll().execute(), [])
    assert.equal((await store.db.selectFrom('tunnels').select('host').execute()).length, 1)
  })
})

describe('a store that cannot be trusted', () => {
  test('is refused when others can read it, or when it is a link', async (t) => {
    const directory = await temporaryDirectory(t)
    const path = join(directory, 'state.db')
    await (await openStore(path)).close()
    await chmod(path, 0o640)
    await assert.rejects(openStore(path), code('state_unsafe'))
    await chmod(path, 0o600)
    await symlink(path, join(directory, 'link.db'))
    await assert.rejects(openStore(join(directory, 'link.db')), (thrown) => thrown instanceof StintError)
  })

  test('is refused when a newer Stint wrote it, and left as it was', async (t) => {
    const path = join(await temporaryDirectory(t), 'state.db')
    await (await openStore(path)).close()
    const raw = new DatabaseSync(path)
    raw.exec("update meta set value = '99' where key = 'schema'")
    raw.close()
    await assert.rejects(openStore(path), (thrown) => code('store_unavailable')(thrown) && /newer/.test(String(thrown)))
    const again = new DatabaseSync(path)
    assert.equal(again.prepare("select value from meta where key = 'schema'").get()?.value, '99')
    again.close()
  })

  for (const [what, content] of [
    ['garbage', 'x'.repeat(8192)],
    ['half a header', 'SQLite format 3\0'],
  ] as const)
    test(`is refused when its file is ${what}`, async (t) => {
      const path = join(await temporaryDirectory(t), 'state.db')
      await writeFile(path, content, { mode: 0o600 })
      await assert.rejects(
        openStore(path),
        (thrown) => code('store_unavailable')(thrown) && (thrown as StintError).operatorDetail !== undefined,
      )
    })

  test('answers store_unavailable while another process holds it, and works again afterwards', async (t) => {
    const { store, path } = await temporaryStore(t)
    const other = new DatabaseSync(path)
    other.exec('begin immediate')
    const write = () => store.write((tx) => tx.insertInto('meta').values({ key: 'k', value: '' }).execute())
    await assert.rejects(write(), (thrown) => code('store_unavailable')(thrown) && /locked/.test(String(thrown)))
    other.exec('rollback')
    other.close()
    await write()
  })

  test('answers store_unavailable on a full disk, keeps what it had acknowledged, and goes on reading', async (t) => {
    const path = join(await temporaryDirectory(t), 'state.db')
    const child = spawn('/bin/sh', [
      '-c',
      'trap "" XFSZ; ulimit -f 800; exec "$0" "$@"',
      process.execPath,
      join(import.meta.dirname, 'fill.ts'),
      path,
    ])
    let text = ''
    child.stdout.on('data', (chunk) => (text += chunk))
    child.stderr.on('data', (chunk) => (text += chunk))
    await new Promise((done) => child.on('close', done))
    const [kept = '', failure = '', readable = ''] = text.trim().split('\n')
    assert.ok(Number(kept) > 0, text)
    assert.match(failure, /^store_unavailable .*(?:disk|full)/)
    assert.equal(readable, kept)
    const store = await openStore(path)
    t.after(() => store.close())
    const { count } = await store.db
      .selectFrom('meta')
      .select((e) => e.fn.countAll<number>().as('count'))
      .where('key', 'like', 'fill%')
      .executeTakeFirstOrThrow()
    assert.equal(count, Number(kept))
  })
})

function compiled(sql: string) {
  return {
    sql,
    parameters: [],
    query: { kind: 'RawNode', sqlFragments: [sql], parameters: [] },
    queryId: { queryId: sql },
  } as const
}

function row(id: string) {
  return {
    id,
    purpose: 'p',
    owner: 'o',
    workload: 'w',
    proof: 'sandbox',
    key_thumbprint: 'k',
    targets_json: '[]',
    actions_json: '[]',
    labels_json: '[]',
    started_at: 1,
    expires_at: 2,
    state: 'live',
    supervised: 0,
  }
}
