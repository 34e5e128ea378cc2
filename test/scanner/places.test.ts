import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { PART_BYTES } from '../../src/scanner/batch.ts'
import { createDetector, reachOf } from '../../src/scanner/detector.ts'
import { createOpener } from '../../src/scanner/look-into.ts'
import type { PathSink } from '../../src/scanner/path-sink.ts'
import { github } from '../../src/scanner/rules/github.ts'
import { alnum } from '../../src/scanner/sample.ts'
import { scan } from '../../src/scanner/scan.ts'
import { scanInput } from '../../src/scanner/scan-input.ts'
import { listVariables } from '../../src/scanner/sources/environment.ts'
import { listHome } from '../../src/scanner/sources/home.ts'
import { HOME_PLACES } from '../../src/scanner/sources/home-places.ts'

const rules = github.filter(({ id }) => id === 'github-pat-fine-grained')
const open = createOpener(createDetector(rules), reachOf(rules))
const secret = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`
const key = Buffer.alloc(32, 7)

/** What is found in a stream of these chunks, as `path:line:column`, and how large the parts are that it is read in. */
async function look(chunks: Iterable<Buffer>) {
  const found: string[] = []
  const parts: number[] = []
  let bytes = 0
  const sink: PathSink = {
    open(path) {
      const content = open((member, why) => assert.fail(`${path}${member} ${why}`))
      return {
        feed(part) {
          parts.push(part.length)
          return content.feed(part)
        },
        end(part) {
          parts.push(part.length)
          return content.end(part)
        },
      }
    },
    found: (path, located) => void found.push(...located.map(({ line, column }) => `${path}:${line}:${column}`)),
    skipped: ({ what, why }) => assert.fail(`${what} ${why}`),
    read(_, more) {
      bytes += more
    },
  }
  await scanInput({ kind: 'input', path: 'stdin' }, Readable.from(chunks), sink)
  return { found, parts, bytes }
}

describe('a stream', () => {
  test('is read in parts of one size, however it comes, so that no more is held', async () => {
    const lines = Buffer.from('no secret here\n'.repeat(70_000))
    const chunks = [...Array.from({ length: 10 }, () => lines), Buffer.from(` ${secret(1)}`)]
    const { found, parts, bytes } = await look(chunks)
    assert.deepEqual(found, ['stdin:700001:2'])
    assert.equal(bytes, chunks.length * lines.length - lines.length + 94)
    assert.deepEqual(parts, [PART_BYTES, PART_BYTES, bytes - 2 * PART_BYTES])
  })

  test('is an archive or UTF-16 where it begins so, though its first chunk be a byte', async () => {
    const packed = gzipSync(`a\n${secret(1)}`)
    assert.deepEqual((await look([...packed].map((byte) => Buffer.of(byte)))).found, ['stdin:2:1'])
    const wide = Buffer.from(`\ufeffA=${secret(2)}`, 'utf16le')
    assert.deepEqual((await look([...wide].map((byte) => Buffer.of(byte)))).found, ['stdin:1:3'])
  })

  test('may be empty', async () => {
    assert.deepEqual(await look([]), { found: [], parts: [0], bytes: 0 })
  })
})

test('a worker of a scan is fed the stream, and a place of it is found; without one there is nothing', async () => {
  const work = { kind: 'input', path: 'stdin' } as const
  const { findings, bytes } = await scan([work], { key, input: Readable.from([Buffer.from(`A=${secret(1)}`)]) })
  assert.deepEqual([findings.flatMap(({ places }) => places), bytes], [[{ path: 'stdin', line: 1, column: 3 }], 95])
  assert.deepEqual((await scan([work], { key })).findings, [])
})

test('a worker knows the settings of an MCP server by their shape', async () => {
  const settings = `{ "mcpServers": { "a": { "command": "acme", "env": { "ACME_KEY": "${alnum(20)}" } } } }`
  const text = { path: 'object', lead: '', text: settings }
  const { findings } = await scan([{ kind: 'texts', texts: [text], next: new SharedArrayBuffer(4) }], { key })
  assert.deepEqual(
    findings.map(({ rule, places }) => [rule, places]),
    [['mcp-config-secret', [{ path: 'object', line: 1, column: settings.indexOf(alnum(20)) + 1 }]]],
  )
})

test('a variable is known by its name, and its place is in its value', async () => {
  const random = `${alnum(12)}!${alnum(12, 2)}4`
  const env = {
    SESSION_PASSWORD: random,
    NOTES: `one\n  ${secret(1)}`,
    [`NAME_${secret(2)}`]: 'x',
    GITHUB_TOKEN: secret(3),
    EMPTY: '',
  }
  const { findings, items } = await scan([listVariables(env)], { key })
  assert.equal(items, 5)
  assert.deepEqual(
    findings.flatMap(({ rule, places }) => places.map(({ path, line, column }) => `${rule} ${path}:${line}:${column}`)).sort(),
    [
      'generic-assignment env:SESSION_PASSWORD:1:1',
      'github-pat-fine-grained env:GITHUB_TOKEN:1:1',
      'github-pat-fine-grained env:NOTES:2:3',
    ],
  )
})

describe('a home directory', () => {
  function makeHome(t: TestContext, files: Readonly<Record<string, string>>): string {
    const base = realpathSync(mkdtempSync(join(tmpdir(), 'stint-home-')))
    t.after(() => rmSync(base, { recursive: true, force: true }))
    const home = join(base, 'home')
    for (const [path, text] of Object.entries({ '../outside/npmrc': 'x', ...files })) {
      mkdirSync(join(home, path, '..'), { recursive: true })
      writeFileSync(join(home, path), text)
    }
    return home
  }

  test('is looked at in every place of the table, and nowhere else', async (t) => {
    const known = HOME_PLACES.map((place) => place.replaceAll('*', 'x'))
    const home = makeHome(t, Object.fromEntries([...known, 'notes.txt', '.kube/cache/x'].map((path) => [path, 'x'])))
    const { work, skipped } = await listHome(home)
    assert.deepEqual([work.paths, skipped], [[...new Set(known)].sort(), []])
    assert.equal(new Set(HOME_PLACES).size, HOME_PLACES.length)
    assert.ok(HOME_PLACES.every((place) => !place.startsWith('/') && !place.split('/').includes('..')))
  })

  test('follows a link that stays in it, to where the file lies; one that leads out or in a circle is said', async (t) => {
    const home = makeHome(t, { 'dotfiles/npmrc': 'x', 'dotfiles/gh/hosts.yml': 'x', '.bash_history/x': 'x' })
    mkdirSync(join(home, '.config'))
    for (const [target, path] of [
      ['dotfiles/npmrc', '.npmrc'],
      ['../dotfiles/gh', '.config/gh'],
      ['../outside/npmrc', '.pypirc'],
      ['../outside', '.kube'],
      ['.netrc', '.netrc'],
      ['gone', '.zshrc'],
    ] as const)
      symlinkSync(target, join(home, path))
    const { work, skipped } = await listHome(home)
    assert.deepEqual(work.paths, ['dotfiles/gh/hosts.yml', 'dotfiles/npmrc'])
    const out = 'it is a link that leads out of the directory'
    assert.deepEqual(
      skipped.toSorted((one, other) => (one.what < other.what ? -1 : 1)),
      [
        { what: '.kube', why: out },
        { what: '.netrc', why: 'it is a link that leads in a circle' },
        { what: '.pypirc', why: out },
      ],
    )
  })

  test('that is none is refused', async (t) => {
    await assert.rejects(listHome(join(makeHome(t, {}), 'none')))
    await assert.rejects(listHome(join(makeHome(t, { file: '' }), 'file')))
  })
})
