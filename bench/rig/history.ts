import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { alnum } from '../../src/scanner/sample.ts'

const WORDS =
  'const let return function import export class async await promise value index result error request response token user session config buffer stream string number object array filter reduce length message handler connect client server options default static private public void null undefined true false'.split(
    ' ',
  )

/**
 * A history that looks like a real one: `commits` commits on 400 files of a few kilobytes of source text, each commit changing a few lines of
 * three of them, packed as git packs. The same each time.
 */
export async function makeHistory(path: string, commits: number): Promise<string> {
  initialise(path)
  const random = createRandom(1)
  const files = Array.from({ length: 400 }, () => Array.from({ length: 60 + random(400) }, () => line(random)))
  const { say, end } = startImport(path)
  for (let commit = 0; commit < commits; commit += 1) {
    await say(headOf(commit))
    const changed = commit === 0 ? [...files.keys()] : [random(400), random(400), random(400)]
    for (const file of new Set(changed)) {
      const lines = files[file] ?? []
      for (let edit = 0; edit < 4; edit += 1) lines[random(lines.length)] = line(random)
      await say(`M 100644 inline src/part${file % 20}/file${file}.ts\n${dataOf(lines.join('\n'))}`)
    }
  }
  await end()
  execFileSync('git', ['-C', path, 'gc', '-q'], { env: ENVIRONMENT })
  return path
}

/** A history of `commits` commits on 200 small files, each commit changing one; here and there one brings in a secret. As git imports it. */
export async function makeLongHistory(path: string, commits: number): Promise<string> {
  initialise(path)
  const { say, end } = startImport(path)
  for (let commit = 0; commit < commits; commit += 1) await say(headOf(commit) + changeOf(commit))
  await end()
  return path
}

/** More commits on top of that, from number `from` on; the first brings in a secret. */
export async function addCommits(path: string, commits: number, from: number): Promise<void> {
  const { say, end } = startImport(path)
  for (let commit = from; commit < from + commits; commit += 1)
    await say(`${headOf(commit)}${commit === from ? 'from refs/heads/main^0\n' : ''}${changeOf(commit, commit === from)}`)
  await end()
}

const SECRET_EVERY = 10_000

/** What one commit changes in a long history. */
function changeOf(commit: number, leaks = commit % SECRET_EVERY === 0): string {
  const random = createRandom(commit)
  const secret = leaks ? [`token = '${makeToken(commit)}'`] : []
  const lines = [...secret, ...Array.from({ length: 6 }, () => line(random))]
  return `M 100644 inline src/part${commit % 20}/file${commit % 200}.ts\n${dataOf(lines.join('\n'))}`
}

function makeToken(seed: number): string {
  return `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`
}

const ENVIRONMENT = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null' }

function initialise(path: string): void {
  mkdirSync(path, { recursive: true })
  execFileSync('git', ['-C', path, 'init', '-q', '-b', 'main'], { env: ENVIRONMENT })
}

/** A `git fast-import` that is told commits, and ended. */
function startImport(path: string) {
  const importer = spawn('git', ['-C', path, 'fast-import', '--quiet'], { stdio: ['pipe', 'inherit', 'inherit'] })
  return {
    async say(text: string): Promise<void> {
      if (!importer.stdin.write(text)) await once(importer.stdin, 'drain')
    },
    async end(): Promise<void> {
      importer.stdin.end()
      await once(importer, 'close')
    },
  }
}

function headOf(commit: number): string {
  return `commit refs/heads/main\ncommitter Ada <ada@example.org> ${1_600_000_000 + commit * 600} +0000\n${dataOf(`change ${commit}`)}`
}

function dataOf(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}\n`
}

function line(random: (below: number) => number): string {
  const words = Array.from({ length: 3 + random(9) }, () => WORDS[random(WORDS.length)] ?? '')
  return `${'  '.repeat(random(4))}${words.join(random(3) === 0 ? '.' : ' ')}${random(5) === 0 ? ` = 0x${random(65_536).toString(16)}` : ''}`
}

function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
