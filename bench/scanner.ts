import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createFingerprint } from '../src/scanner/finding.ts'
import { alnum } from '../src/scanner/sample.ts'
import { scan } from '../src/scanner/scan.ts'
import { listFiles } from '../src/scanner/sources/files.ts'
import { makeCorpus } from '../test/scanner/corpus/corpus.ts'
import { addCommits, makeHistory, makeLongHistory } from './rig/history.ts'
import { quantile, type Row } from './row.ts'

const ROUNDS = 3
const COMMITS = 20_000
const LONG_COMMITS = 100_000
const NEW_COMMITS = 10
const STINT = join(import.meta.dirname, '../bin/stint.js')

/** A scan of a repository against git reading out the same objects, in turn; and what is found in the labelled corpus. `BENCH_REPOSITORY` names another one. */
export async function bench(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'stint-bench-scan-'))
  try {
    const repository = process.env.BENCH_REPOSITORY ?? (await makeHistory(join(folder, 'history'), COMMITS))
    const home = join(folder, 'home')
    return [
      ...(await speed(repository, home)),
      ...(await longLine(join(folder, 'line'), home)),
      ...(await again(await makeLongHistory(join(folder, 'long'), LONG_COMMITS), home)),
      ...(await quality(join(folder, 'corpus'))),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function speed(repository: string, home: string): Promise<Row[]> {
  const reading = ['-C', repository, 'cat-file', '--batch-all-objects', '--batch', '--unordered', '--buffer']
  const { bytes } = await timed('git', reading, home)
  const ratios: number[] = []
  let peak = 0
  let rate = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const git = await timed('git', reading, home, 'ignore')
    const ours = await timed(process.execPath, [STINT, 'scan', '--json', '--fresh', repository], home)
    ratios.push(ours.seconds / git.seconds)
    peak = Math.max(peak, ours.rssMiB)
    rate = Math.max(rate, bytes / 1e6 / ours.seconds)
  }
  const ratio = quantile(ratios, 0.5)
  return [
    { name: 'whole history, time ÷ git reading it out', value: ratio, unit: '×', bar: '≤ 2', holds: ratio <= 2 },
    { name: 'whole history, best rate', value: rate, unit: 'MB/s', bar: '', holds: true },
    { name: 'whole history, peak RSS of the scan', value: peak, unit: 'MiB', bar: '≤ 286 (300 MB)', holds: peak <= 286 },
  ]
}

/** A file of 1 GB that is one line, with a secret at its end. */
async function longLine(path: string, home: string): Promise<Row[]> {
  const text = Buffer.from('const value = await buffer.read(4096); '.repeat(26_000))
  for (let bytes = 0; bytes < 1e9; bytes += text.length) appendFileSync(path, text)
  appendFileSync(path, `token = github_pat_${alnum(22)}_${alnum(59)}`)
  const { seconds, rssMiB, code } = await timed(process.execPath, [STINT, 'scan', '--json', path], home)
  if (code !== 1) throw new Error('the secret at its end was not found')
  rmSync(path)
  return [
    { name: 'a line of 1 GB, rate', value: 1000 / seconds, unit: 'MB/s', bar: '', holds: true },
    { name: 'a line of 1 GB, peak RSS', value: rssMiB, unit: 'MiB', bar: '≤ 286 (300 MB)', holds: rssMiB <= 286 },
  ]
}

/** The next scan of a long history, after a few commits more, one of which brings in a secret. */
async function again(repository: string, home: string): Promise<Row[]> {
  const look = () => timed(process.execPath, [STINT, 'scan', '--json', repository], home)
  const first = await look()
  const seconds: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    await addCommits(repository, NEW_COMMITS, LONG_COMMITS + round * NEW_COMMITS)
    seconds.push((await look()).seconds)
  }
  const name = `${LONG_COMMITS.toLocaleString('en')} commits`
  const median = quantile(seconds, 0.5)
  return [
    { name: `${name}, first scan`, value: first.seconds, unit: 's', bar: '', holds: true },
    { name: `${name}, scan after ${NEW_COMMITS} more`, value: median, unit: 's', bar: '≤ 1', holds: median <= 1 },
  ]
}

/** A process to its end: wall clock, how much it wrote where that is not thrown away, and the most memory it and its children had at once by the kernel's account. */
function timed(
  command: string,
  args: readonly string[],
  home: string,
  output: 'pipe' | 'ignore' = 'pipe',
): Promise<{ seconds: number; bytes: number; rssMiB: number; code: number }> {
  const startedAt = performance.now()
  const child = spawn('/usr/bin/time', ['-f', '%M', command, ...args], {
    stdio: ['ignore', output, 'pipe'],
    env: { PATH: process.env.PATH, STINT_HOME: home },
  })
  let bytes = 0
  let said = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  return new Promise((done, failed) => {
    child.once('error', failed)
    child.once('close', (code) => {
      if (code !== 0 && code !== 1) failed(new Error(`${command} ended with ${code}: ${said}`))
      const rssMiB = Number(said.trim().split('\n').at(-1)) / 1024
      done({ seconds: (performance.now() - startedAt) / 1000, bytes, rssMiB, code: code ?? 0 })
    })
  })
}

/** Recall by family, and precision over all. */
async function quality(folder: string): Promise<Row[]> {
  const key = Buffer.alloc(32, 1)
  const name = createFingerprint(key)
  const files = makeCorpus(4)
  for (const { path, text } of files) {
    mkdirSync(join(folder, dirname(path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const { findings } = await scan([(await listFiles(folder)).work], { key })
  const wanted = files.flatMap(({ secrets }) => secrets)
  const known = new Map(wanted.map((one) => [name(one.secret), one]))
  const found = new Set(findings.map(({ fingerprint }) => fingerprint))
  const families = [...Map.groupBy(wanted, ({ family }) => family)]
  const wrong = findings.filter(({ fingerprint }) => !known.has(fingerprint))
  const precision = (findings.length - wrong.length) / findings.length
  return [
    ...families.map(([family, ones]): Row => {
      const share = ones.filter(({ secret }) => found.has(name(secret))).length / ones.length
      return { name: `recall, ${family} (${ones.length} secrets)`, value: share, unit: '', bar: '≥ 0.98', holds: share >= 0.98 }
    }),
    { name: `precision (${findings.length} findings)`, value: precision, unit: '', bar: '≥ 0.99', holds: precision >= 0.99 },
  ]
}
