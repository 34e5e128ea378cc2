import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createDetection } from '../../src/scanner/detector.ts'
import { createFingerprint } from '../../src/scanner/finding.ts'
import type { GitWork } from '../../src/scanner/job.ts'
import { isPacked } from '../../src/scanner/look-into.ts'
import { applyDelta, type Changes, resultSize } from '../../src/scanner/packs/delta.ts'
import { readPackIndex } from '../../src/scanner/packs/index-file.ts'
import { readHead } from '../../src/scanner/packs/layout.ts'
import { PackError } from '../../src/scanner/packs/pack-error.ts'
import { openPacks, withoutSkimmed } from '../../src/scanner/packs/packs.ts'
import { skimPack } from '../../src/scanner/packs/skim.ts'
import { RULES } from '../../src/scanner/rules/index.ts'
import { alnum } from '../../src/scanner/sample.ts'
import { scan } from '../../src/scanner/scan.ts'
import { listObjects } from '../../src/scanner/sources/git.ts'
import { STRUCTURES } from '../../src/scanner/structures/index.ts'

const key = Buffer.alloc(32, 7)
const detection = createDetection(Object.values(RULES).flat(), STRUCTURES)
const token = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`
/** A private key, a SEQUENCE of 1,500 bytes (RFC 5958, section 2); or what is one but for a `*` far behind its first line. */
const privateKey = (isWhole: boolean): string => {
  const bytes = Buffer.concat([Buffer.from([0x30, 0x82, 0x05, 0xd8]), Buffer.from(alnum(1496, 3))])
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  if (!isWhole) lines[20] = `*${lines[20]?.slice(1)}`
  return ['-----BEGIN RSA PRIVATE KEY-----', ...lines, '-----END RSA PRIVATE KEY-----'].join('\n')
}

/** Known by the shape of the whole file alone. */
const ownToken = alnum(32, 9)
const settings = (value: string, note: string): string => {
  const env = { NOTE: note, ...Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`PATH_${at}`, `/opt/${at}`])) }
  return JSON.stringify({ mcpServers: { acme: { command: 'acme-mcp', env, args: ['--api-key', value] } } }, null, 1)
}

const FILES = 8
const LINES = 120

/** Versions of files, each a few lines away from the one before; the marked ones hold what is to be found. */
function* makeVersions(): Generator<{ readonly file: number; readonly text: string; readonly isHit: boolean }> {
  const random = createRandom(5)
  const files = Array.from({ length: FILES }, () => Array.from({ length: LINES }, () => `line ${alnum(30, random(1e6))}`))
  const specials: readonly (readonly [line: number, text: string, isHit: boolean])[] = [
    [40, `TOKEN = ${token(1)}`, true],
    [90, 'something else', true], // it goes on through versions
    [40, 'no more', false],
    [50, `${token(2).slice(0, 50)} ${'-'.repeat(700)}${token(2).slice(50)}`, false],
    [50, token(2), true], // two copies meet
    [50, 'no more', false],
    [60, privateKey(false), false],
    [60, privateKey(true), true], // a change far from the keyword
    [60, 'no more', false],
  ]
  for (const [value, isHit] of [
    ['<your-key>', false],
    [ownToken, true],
    ['<your-key>', false],
  ] as const)
    for (const note of ['one', 'two', 'three']) yield { file: FILES, text: settings(value, note), isHit }
  for (let version = 0; version < 60; version += 1) {
    for (const [file, lines] of files.entries()) {
      const special = file === 3 ? specials[version - 20] : undefined
      const [line, text, isHit] = special ?? [random(30), `line ${alnum(30, random(1e6))}`, false]
      lines[line] = text
      yield { file, text: lines.join('\n'), isHit }
    }
  }
}

function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** The same objects, as if there were others. */
const partOf = ({ all: _, ...work }: GitWork): GitWork => work

describe('a pack', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stint-packs-'))
  const env = { PATH: process.env.PATH, HOME: folder, GIT_CONFIG_NOSYSTEM: '1' }
  const git = (args: readonly string[], input: string | Buffer = ''): string =>
    execFileSync('git', ['-C', folder, ...args], { input, env, maxBuffer: 1 << 26 })
      .toString()
      .trim()
  const hits = new Set<string>()
  let whole: GitWork

  before(async () => {
    git(['init', '-q', '-b', 'main'])
    const versions = [...makeVersions()].toSorted((one, other) => one.file - other.file)
    const blobs = versions.map(({ text }, at) => `blob\nmark :${at + 1}\ndata ${text.length}\n${text}\n`)
    const commits = versions.map(({ file }, at) => {
      const by = `committer Ada <ada@example.org> ${1_600_000_000 + at} +0000`
      return `commit refs/heads/main\n${by}\ndata 6\nchange\nM 100644 :${at + 1} file${file}\n\n`
    })
    git(['fast-import', '--quiet', `--export-marks=${join(folder, 'marks')}`], [...blobs, ...commits].join(''))
    for (const line of readFileSync(join(folder, 'marks'), 'utf8').trim().split('\n')) {
      const [mark = '', id = ''] = line.split(' ')
      if (versions[Number(mark.slice(1)) - 1]?.isHit) hits.add(id)
    }
    whole = await listObjects(folder)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const idsOf = (ids: Uint8Array): Set<string> => {
    const text = Buffer.from(ids).toString('hex')
    return new Set(Array.from({ length: text.length / 40 }, (_, at) => text.slice(at * 40, at * 40 + 40)))
  }
  /** The ids that git still has to be asked for, and how many bytes were looked at. */
  async function skim(): Promise<{ left: Set<string>; looked: number; bytes: number }> {
    let [looked, bytes] = [0, 0]
    const packs = await openPacks(folder)
    for (const work of packs.flatMap((pack) => pack.work ?? []))
      skimPack(work, {
        isPacked,
        around: detection.nearBytes,
        glance(content, from, to) {
          looked += to - from
          return detection.glance(content, from, to)
        },
        read(_, more) {
          bytes += more
        },
      })
    return { left: idsOf(new Uint8Array(withoutSkimmed(whole, packs).ids)), looked, bytes }
  }

  test('leaves exactly what holds something, by looking at what changed', async () => {
    assert.ok(hits.size === 4 + 3, `${hits.size} versions hold something`)
    assert.ok(Number(git(['count-objects', '-v']).match(/in-pack: (\d+)/)?.[1]) > 1000)
    const { left, looked, bytes } = await skim()
    assert.deepEqual([...left].sort(), [...hits].sort())
    assert.ok(looked < bytes / 2, `${looked} of ${bytes} bytes were looked at`)
    git(['repack', '-adfq', '--depth=50', '--window=50']) // newer versions are the bases now
    assert.deepEqual([...(await skim()).left].sort(), [...hits].sort())
  })

  test('is read with the same findings as by git alone', async () => {
    const [skimmed, read] = [
      await scan([await listObjects(folder)], { key }),
      await scan([partOf(await listObjects(folder))], { key }),
    ]
    assert.deepEqual(skimmed.findings, read.findings)
    assert.equal(skimmed.items, read.items)
    const names = [token(1), token(2), privateKey(true), ownToken].map(createFingerprint(key))
    assert.deepEqual(skimmed.findings.map(({ fingerprint }) => fingerprint).sort(), names.sort())
  })

  test('that is broken anywhere is left to git there', async () => {
    const [path = ''] = globSync(join(folder, '.git/objects/pack/*.pack'))
    const intact = readFileSync(path)
    rmSync(path)
    const random = createRandom(9)
    try {
      for (let round = 0; round < 12; round += 1) {
        const broken = Buffer.from(intact)
        for (let at = 0; at < 3; at += 1) broken[12 + random(broken.length - 40)] = random(256)
        writeFileSync(path, broken.subarray(0, round % 4 === 3 ? broken.length - random(broken.length) : broken.length))
        const { left } = await skim()
        for (const id of hits) assert.ok(left.has(id), `what holds something was passed over in round ${round}`)
      }
    } finally {
      rmSync(path)
      writeFileSync(path, intact)
    }
  })

  test('is not believed about what another pack or repository has too', async () => {
    const clean = git(['rev-parse', 'HEAD:file0'])
    assert.ok(!(await skim()).left.has(clean))
    const secret = git(['hash-object', '-w', '--stdin'], token(3))
    const name = git(['pack-objects', '-q', '.git/objects/pack/pack'], `${secret}\n`)
    const path = join(folder, `.git/objects/pack/pack-${name}.idx`)
    const index = readFileSync(path)
    index.fill(0, 8, 8 + 1024)
    for (let first = Number.parseInt(clean.slice(0, 2), 16); first < 256; first += 1) index.writeUInt32BE(1, 8 + first * 4)
    Buffer.from(clean, 'hex').copy(index, 8 + 1024)
    rmSync(path)
    writeFileSync(path, index)
    assert.ok((await skim()).left.has(clean), 'another pack has something else under its id')
    writeFileSync(path, index.subarray(0, 500))
    assert.deepEqual(await openPacks(folder), [], 'a pack is not read')
    rmSync(path)
    rmSync(path.replace(/idx$/, 'pack'))
    writeFileSync(join(folder, '.git/objects/info/alternates'), '/nowhere\n')
    assert.deepEqual(await openPacks(folder), [], 'objects are borrowed')
    rmSync(join(folder, '.git/objects/info/alternates'))
  })

  test('is not skimmed by an index that is none', () => {
    const [path = ''] = globSync(join(folder, '.git/objects/pack/*.idx'))
    const index = readFileSync(path)
    assert.ok(readPackIndex(index).count > 1000)
    const changed = (at: number, byte: number): Buffer => {
      const bytes = Buffer.from(index)
      bytes[at] = byte
      return bytes
    }
    for (const bytes of [index.subarray(0, 100), index.subarray(0, -2000), changed(7, 3), changed(8 + 12, 0xff), Buffer.alloc(0)])
      assert.throws(() => readPackIndex(bytes), PackError)
  })
})

describe('a delta', () => {
  const base = Buffer.from('0123456789abcdefghij')
  const make = (delta: readonly number[], around = 1): { text: string; ranges: number[] } => {
    const bytes = Buffer.from(delta)
    const result = Buffer.alloc(resultSize(bytes, base.length))
    const changes: Changes = { ranges: new Int32Array(2), count: 0 }
    applyDelta(base, bytes, result, around, changes)
    return { text: result.toString(), ranges: [...changes.ranges.subarray(0, changes.count * 2)] }
  }

  test('says what is inserted and where copies meet', () => {
    assert.deepEqual(make([20, 20, 0x90, 20]), { text: '0123456789abcdefghij', ranges: [] }, 'the same')
    assert.deepEqual(make([20, 20, 0x90, 10, 0x91, 10, 10]), { text: '0123456789abcdefghij', ranges: [] }, 'in two pieces')
    assert.deepEqual(make([20, 6, 0x90, 3, 1, 65, 0x91, 18, 2]), { text: '012Aij', ranges: [2, 5] }, 'an insertion')
    assert.deepEqual(make([20, 6, 0x90, 3, 0x91, 17, 3]), { text: '012hij', ranges: [2, 4] }, 'a deletion')
    assert.deepEqual(make([20, 3, 0x91, 17, 3]), { text: 'hij', ranges: [0, 1] }, 'without its beginning')
    assert.deepEqual(make([20, 3, 0x90, 3]), { text: '012', ranges: [2, 3] }, 'without its end')
    assert.deepEqual(make([20, 2, 2, 65, 66]), { text: 'AB', ranges: [0, 2] }, 'something else')
    const far = make([20, 14, 0x90, 4, 1, 65, 0x91, 5, 5, 1, 66, 0x91, 17, 3])
    assert.deepEqual(far, { text: '0123A56789Bhij', ranges: [3, 6, 9, 12] }, 'two insertions')
  })

  test('of another base, beyond its ends or broken off is refused', () => {
    for (const delta of [
      [19, 3, 0x90, 3],
      [20, 4, 0x90, 3],
      [20, 2, 0x90, 3],
      [20, 3, 0x91, 18, 3],
      [20, 3, 0],
      [20, 3, 3, 65],
      [20],
    ])
      assert.throws(() => make(delta), PackError, JSON.stringify(delta))
    assert.throws(() => make([20, ...Array<number>(9).fill(0xff), 1]), PackError)
    assert.throws(() => make([20, 3, 0x91]), PackError)
  })
})

describe('the head of an entry', () => {
  test('has a type, a size and how far away its base is', () => {
    assert.deepEqual(readHead(Buffer.from([0xb5, 0x0a]), 0), { type: 3, size: 5 + 10 * 16, distance: 0, length: 2 })
    assert.deepEqual(readHead(Buffer.from([0x65, 0x81, 0x00]), 0), { type: 6, size: 5, distance: 256, length: 3 })
  })

  test('that does not end is refused', () => {
    assert.throws(() => readHead(Buffer.alloc(64, 0xff), 0), PackError)
    assert.throws(() => readHead(Buffer.from([0xb5]), 0), PackError)
  })
})
