import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createDetector, reachOf } from '../../src/scanner/detector.ts'
import { recognize } from '../../src/scanner/exports/index.ts'
import { createOpener } from '../../src/scanner/look-into.ts'
import { github } from '../../src/scanner/rules/github.ts'
import { passwords } from '../../src/scanner/rules/passwords.ts'
import { alnum } from '../../src/scanner/sample.ts'
import { makeZip } from './zip.ts'

const rules = [...github.filter(({ id }) => id === 'github-pat-fine-grained'), ...passwords]
const open = createOpener(createDetector(rules), reachOf(rules))
const token = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`

/** What is found in a content of this name: places for machines, and for people. */
function look(text: string | Buffer, name = '', cut?: number) {
  const bytes = Buffer.from(text)
  const content = open(() => undefined, name)
  const first = cut === undefined ? [] : content.feed(bytes.subarray(0, cut))
  const found = [...first, ...content.end(bytes.subarray(cut ?? 0))]
  return found.map(({ member = '', line, column, where, secret }) => ({ at: `${member}:${line}:${column}`, where, secret }))
}

const places = (text: string | Buffer, name?: string): unknown[] => look(text, name).map(({ at, where }) => [at, where])

describe('a Slack export', () => {
  const message = (more: object): object => ({ type: 'message', user: 'U0ADA', ts: '1772323200.000100', text: '', ...more })

  test('is read message by message: a secret is told once, where it was said and by whom', () => {
    const blocks = [{ type: 'rich_text', elements: [{ type: 'text', text: token(1) }] }]
    const profile = { display_name: 'ada' }
    const day = [
      message({ text: 'hi' }),
      message({ text: `it is ${token(1)}`, blocks, user_profile: profile, ts: '1772323201.000200' }),
    ]
    const users = [{ id: 'U0ADA', name: 'ada' }]
    const zip = makeZip({ 'users.json': JSON.stringify(users), 'general/2026-03-01.json': JSON.stringify(day, null, 1) })
    assert.deepEqual(places(zip, 'export.zip'), [
      ['!general/2026-03-01.json:12:18', '#general, 2026-03-01, ada, message 1772323201.000200'],
    ])
    assert.deepEqual(places(JSON.stringify([message({ files: [{ title: token(2) }] })]), 'ops/2026-03-01.json').at(0), [
      ':1:89',
      '#ops, 2026-03-01, U0ADA, message 1772323200.000100',
    ])
  })

  test('is read as it was typed, whatever Slack made of it', () => {
    const url = `postgres://app:p&w${alnum(12)}@db.acme.net/orders`
    const typed = [`<${url.replace('&', '&amp;')}>`, `see <http://a.co|a.co> <${url.replace('&', '&amp;')}|the database>`]
    for (const text of typed) {
      const [found, ...more] = look(JSON.stringify([message({ text })]))
      assert.deepEqual([found?.secret.includes('p&w'), more], [true, []], text)
    }
    const linked = `${token(3).slice(0, 30)}<http://${token(3).slice(30)}|${token(3).slice(30)}>`
    assert.deepEqual(
      look(JSON.stringify([message({ text: linked })])).map(({ secret }) => secret),
      [token(3)],
    )
  })
})

describe('tickets', () => {
  test('of Jira say the issue, and which comment of whom', () => {
    const comments = [{ body: 'no' }, { author: { displayName: 'Grace' }, body: `line\n${token(1)}` }]
    const issue = { key: 'PROJ-12', fields: { reporter: { displayName: 'Ada' }, description: token(2), comment: { comments } } }
    const found = places(JSON.stringify({ startAt: 0, issues: [{ key: 'PROJ-11', fields: {} }, issue] }))
    assert.deepEqual(
      found.map((one) => (one as string[])[1]),
      ['PROJ-12, Ada', 'PROJ-12, comment 2, Grace'],
    )
    assert.deepEqual(places(JSON.stringify(issue)).length, 2, 'one issue alone')
    const table = `Summary,Issue key,Reporter,Comment,Comment\nx,PROJ-12,Ada,no,"01/Mar/26 10:00;grace;a ""b""\n${token(1)}"\n`
    assert.deepEqual(places(table), [[':2:19', 'PROJ-12, comment 2, grace']])
  })

  test('of Linear say the issue, from its API and from its table', () => {
    const nodes = [{ identifier: 'ENG-7', title: 't', comments: { nodes: [{ user: { name: 'Ada' }, body: token(1) }] } }]
    assert.deepEqual(
      places(JSON.stringify({ data: { issues: { nodes } } })).map((one) => (one as string[])[1]),
      ['ENG-7, comment 1, Ada'],
    )
    assert.deepEqual(places(`ID,Team,Title,Description,Creator\r\nENG-7,Eng,t,"a\n\n b ${token(1)}",Ada\r\n`), [
      [':4:4', 'ENG-7, Ada'],
    ])
  })

  test('of GitHub and GitLab say repository and number, as their APIs and gh print them', () => {
    const said = (value: unknown) => look(JSON.stringify(value)).map(({ where }) => where)
    const html_url = 'https://github.com/acme/app/issues/12'
    assert.deepEqual(said([{ number: 12, html_url, user: { login: 'ada' }, body: token(1) }]), ['acme/app#12, ada'])
    const comment = { html_url: `${html_url}#issuecomment-9`, user: { login: 'bob' }, body: token(1) }
    assert.deepEqual(said([comment]), ['acme/app#12, comment 9, bob'])
    const gh = { author: { login: 'ada' }, body: '', comments: [{ author: { login: 'bob' }, body: token(1) }], number: 12 }
    assert.deepEqual([said([gh]), said(gh)], [['#12, comment 1, bob'], ['#12, comment 1, bob']])
    const web_url = 'https://gitlab.com/acme/sub/app/-/merge_requests/3'
    assert.deepEqual(said([{ iid: 3, web_url, author: { username: 'ada' }, description: token(1) }]), ['acme/sub/app#3, ada'])
  })

  test('of a notebook say the cell, whether it is what was typed or what was put out', () => {
    const cell = (source: string[], text: string[]): object => {
      return { cell_type: 'code', metadata: {}, source, outputs: [{ output_type: 'stream', name: 'stdout', text }] }
    }
    const text = { cell_type: 'markdown', metadata: {}, source: ['# Orders'] }
    const cells = [text, cell(['import os\n', `key = "${token(1)}"\n`], []), cell(['print(key)'], ['id\n', `${token(2)}\n`])]
    const file = JSON.stringify({ cells, metadata: { kernelspec: { name: 'python3' } }, nbformat: 4, nbformat_minor: 5 }, null, 1)
    const lineOf = (part: string): number => file.split('\n').findIndex((line) => line.includes(part)) + 1
    assert.deepEqual(places(file, 'orders.ipynb'), [
      [`:${lineOf(token(1))}:6`, 'cell 2, code'],
      [`:${lineOf(token(2))}:8`, 'cell 3, code'],
    ])
  })

  test('of anything else are records', () => {
    const list = [
      { id: 'a', author: 'ada', text: 'x' },
      { id: 'b', author: 'bob', text: `\\u0041 ${token(1)}` },
    ]
    assert.deepEqual(
      look(JSON.stringify(list)).map(({ where }) => where),
      ['record 2, id b, bob'],
    )
    assert.deepEqual(places(`id;author;text\n7;ada;${token(1)}\n`), [[':2:7', 'record 2, id 7, ada']])
    assert.deepEqual(
      look(list.map((one) => JSON.stringify(one)).join('\n')).map(({ where }) => where),
      ['record 2, id b, bob'],
    )
  })
})

describe('an export', () => {
  const list = (texts: readonly string[]): string => JSON.stringify(texts.map((text, id) => ({ id, author: 'a', text })))

  test('says no secret in the place that it gives for people', () => {
    const long = { id: 2, text: 'x', user: `${'n'.repeat(150)} ${token(1)}` }
    for (const file of [JSON.stringify([long]), JSON.stringify([{ id: token(2), text: token(1), user: 'ada' }])]) {
      const found = look(file)
      assert.ok(found.length > 0)
      for (const { where = '', secret } of found) {
        assert.match(where, /^record 1/)
        for (let at = 0; at + 12 < secret.length; at += 12) assert.ok(!where.includes(secret.slice(at, at + 12)), where)
      }
    }
  })

  test('is known by its shape; other JSON and other tables are read as they are', () => {
    for (const text of ['{"name":"x","version":"1.0.0"}', '[1,2]', 'a,b\n1,2\n', '# id, author\n', '']) {
      assert.equal(recognize(Buffer.from(text)), undefined, text)
    }
    assert.deepEqual(places(`{"name":"${token(1)}"}`), [[':1:10', undefined]])
  })

  test('gives exact places where nothing is escaped, those of the text where something is', () => {
    assert.deepEqual(places(`[\n {"id":1,"author":"é🔑","text":"x ${token(1)}"}]`), [[':2:35', 'record 1, id 1, é🔑']])
    assert.deepEqual(places(`[\n {"id":1,"author":"a","text":"\\u0041 ${token(1)}"}]`), [[':2:31', 'record 1, id 1, a']])
  })

  test('that breaks off, or is none after its beginning, is read as it is from there on, nothing twice', () => {
    const whole = list([token(1), token(2), token(3)])
    for (const broken of [whole.slice(0, -20), `${whole.slice(0, -1)},{oops ${token(4)}`, whole.replaceAll('}', '')])
      assert.deepEqual(new Set(look(broken).map(({ secret }) => secret)).size, broken.match(/github_pat_\w{82}/g)?.length, broken)
    const large = list([token(1), 'x '.repeat(3 << 20), token(2)])
    assert.equal(look(large).length, 2)
    assert.equal(look(large, '', 4 << 20).length, 2)
    assert.deepEqual(places(`${whole}oops\n ${token(4)}`).at(-1), [':2:2', undefined])
  })

  test('of any bytes hides nothing and breaks nothing, wherever it is cut', () => {
    const piece = fc.oneof(
      fc.constantFrom('"', '\\', '[', ']', '{', '}', ',', ':', '\n', '"id":', ';'),
      fc.string({ maxLength: 5 }),
    )
    const noise = fc.array(piece, { maxLength: 20 }).map((ones) => ones.join(''))
    const begins = ['[{"id":1,"author":"a","text":"x"},', 'id,author,text\n', '{"messages":[{"type":"m","ts":"1","text":"']
    fc.assert(
      fc.property(fc.constantFrom(...begins), noise, noise, fc.nat(200), (begin, before, after, cut) => {
        const text = `${begin}${before} ${token(1)} ${after}`
        const [whole, parts] = [look(text), look(text, '', cut)]
        assert.deepEqual(whole.map(({ secret }) => secret).includes(token(1)), true)
        assert.ok(parts.some(({ secret }) => secret === token(1)))
      }),
      { numRuns: 100 },
    )
  })
})
