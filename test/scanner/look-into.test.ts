import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { createDetector, reachOf } from '../../src/scanner/detector.ts'
import { createOpener } from '../../src/scanner/look-into.ts'
import { github } from '../../src/scanner/rules/github.ts'
import { alnum } from '../../src/scanner/sample.ts'
import { makeZip } from './zip.ts'

const rules = github.filter(({ id }) => id === 'github-pat-fine-grained')
const open = createOpener(createDetector(rules), reachOf(rules))
const secret = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`

/** What is found, as `member:line:column`, and what is not looked into, as `member why`. */
function look(...parts: readonly Buffer[]) {
  const skipped: string[] = []
  const content = open((member, why) => skipped.push(`${member} ${why}`.trim()))
  const found = [...parts.slice(0, -1).flatMap((part) => content.feed(part)), ...content.end(parts.at(-1) ?? Buffer.alloc(0))]
  return { found: found.map(({ member = '', line, column }) => `${member}:${line}:${column}`), skipped }
}

/** A tar archive as the system's tar makes it. */
function makeTar(t: TestContext, files: Readonly<Record<string, string>>, format: string): Buffer {
  const path = mkdtempSync(join(tmpdir(), 'stint-tar-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return execFileSync('tar', ['-C', path, `--format=${format}`, '-c', ...Object.keys(files)])
}

const utf16 = (text: string, order: 'little' | 'big', mark: boolean): Buffer => {
  const bytes = Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le')
  return order === 'little' ? bytes : bytes.swap16()
}

describe('an archive', () => {
  test('is opened: ZIP, stored or compressed, with the names and the places in there', () => {
    const files = { 'a/b.env': `A=1\nT=${secret(1)}\n`, c: secret(2), 'empty/': '' }
    for (const stored of [true, false])
      assert.deepEqual(look(makeZip(files, { stored })), { found: ['!a/b.env:2:3', '!c:1:1'], skipped: [] })
  })

  test('is opened: tar of any format, with long names, compressed or not', (t) => {
    const long = `${'d'.repeat(90)}/${'e'.repeat(90)}/${'f'.repeat(90)}`
    for (const format of ['ustar', 'pax', 'gnu']) {
      const name = format === 'ustar' ? `${'d'.repeat(90)}/x` : long
      const tar = makeTar(t, { [name]: `\n${secret(1)}`, b: secret(2) }, format)
      const expected = { found: [`!${name}:2:1`, '!b:1:1'], skipped: [] }
      assert.deepEqual([look(tar), look(gzipSync(tar)), look(zstdCompressSync(tar))], [expected, expected, expected], format)
    }
  })

  test('that is only compressed keeps its name', () => {
    assert.deepEqual(look(gzipSync(`\n ${secret(1)}`)), { found: [':2:2'], skipped: [] })
  })

  test('in an archive is opened, and one in that, and none without end', () => {
    let bytes = makeZip({ 'a.env': secret(1) })
    bytes = makeZip({ 'one.zip': bytes, 'x.gz': gzipSync(secret(2)) })
    assert.deepEqual(look(makeZip({ 'two.jar': bytes })).found, ['!two.jar!one.zip!a.env:1:1', '!two.jar!x.gz:1:1'])
    for (let i = 0; i < 20; i += 1) bytes = gzipSync(bytes)
    assert.deepEqual(look(bytes), { found: [], skipped: ['it is packed too deep'] })
  })

  test('in parts is what it is as a whole; a larger one than is held is read as it is, and said', () => {
    const bytes = makeZip({ a: secret(1), b: alnum(200_000) })
    assert.deepEqual(look(bytes.subarray(0, 900), bytes.subarray(900, 5000), bytes.subarray(5000)), look(bytes))
    const huge = makeZip({ [`${secret(1)} `]: Buffer.alloc(33 << 20) }, { stored: true })
    const { found, skipped } = look(huge.subarray(0, 33 << 20), huge.subarray(33 << 20))
    assert.deepEqual([found.length, skipped], [2, ['it is an archive of more than 32 MB']])
  })

  test('that is a bomb is not unpacked: too much for its size, too much in all, too many members', () => {
    const zeroes = Buffer.alloc(20 << 20)
    assert.deepEqual(look(gzipSync(zeroes)).skipped, ['it unpacks to too much for its size'])
    assert.deepEqual(look(makeZip({ a: zeroes, b: secret(1) })), {
      found: ['!b:1:1'],
      skipped: ['!a it unpacks to too much for its size'],
    })
    const many = makeZip(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`f${i}`, i === 0 ? secret(1) : ''])))
    assert.deepEqual(look(many), { found: ['!f0:1:1'], skipped: ['it has more than 10000 members'] })
    const packed = deflateRawSync(zeroes).length
    const overlapping = makeZip(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i === 0 ? zeroes : ''])), {
      changed: (entry) => {
        entry.writeUInt32LE(packed, 20)
        entry.writeUInt32LE(0, 42)
      },
    })
    const { skipped } = look(overlapping)
    assert.deepEqual([skipped.at(-1), skipped.length < 100], ['it unpacks to more than 256 MB', true])
  })

  test('that is encrypted, broken or of an unknown kind is said, and what can be read is', () => {
    const encrypted = makeZip({ a: secret(1) }, { changed: (entry) => entry.writeUInt16LE(1, 8) })
    assert.deepEqual(look(encrypted).skipped, ['!a it is encrypted'])
    const unknown = makeZip({ a: secret(1) }, { changed: (entry) => entry.writeUInt16LE(14, 10) })
    assert.deepEqual(look(unknown).skipped, ['!a its compression (method 14) is not known'])
    const cut = makeZip({ 'a ': `${secret(1)}\n` }, { stored: true }).subarray(0, -30)
    assert.deepEqual(look(cut), { found: [':1:33'], skipped: ['its list of members is missing'] })
    assert.deepEqual(look(gzipSync(secret(1)).subarray(0, 40)).skipped, ['its compressed data is broken'])
    assert.deepEqual(look(Buffer.from('BZh91AY&SY...')).skipped, ['it is compressed by bzip2, which is not opened'])
  })

  test('of any bytes at all breaks nothing', (t) => {
    const samples = [
      makeZip({ a: secret(1), b: alnum(900) }),
      makeTar(t, { a: secret(1), b: 'b' }, 'pax'),
      gzipSync(makeTar(t, { a: secret(1) }, 'gnu')),
    ]
    const change = fc.record({ at: fc.nat(12_000), byte: fc.integer({ min: 0, max: 255 }) })
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.nat(12_000),
        (sample, changes, length) => {
          const bytes = Buffer.from(sample)
          for (const { at, byte } of changes) bytes[at % bytes.length] = byte
          look(bytes)
          look(bytes.subarray(0, length))
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('text in UTF-16', () => {
  test('is read as text, marked or not, of either order, whole or in parts, and says its places as an editor does', () => {
    const text = `é = 1\r\nTOKEN="${secret(1)}"\r\n🔑 ${secret(2)}`
    for (const order of ['little', 'big'] as const)
      for (const mark of [true, false]) {
        const bytes = utf16(text, order, mark)
        const expected = { found: [':2:8', ':3:4'], skipped: [] }
        assert.deepEqual(look(bytes), expected, `${order} ${mark}`)
        assert.deepEqual(look(bytes.subarray(0, 21), bytes.subarray(21, 200), bytes.subarray(200)), expected)
      }
  })

  test('that is none after its mark is read as it is', () => {
    assert.deepEqual(look(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(` ${secret(1)}`)])).found.length, 1)
  })
})
