import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'

const WORDS =
  'const let return function import export class async await promise value index result error request response token user session config buffer stream string number object array filter reduce length message handler connect client server options default static private public void null undefined true false'.split(
    ' ',
  )

/**
 * A history that looks like a real one: `commits` commits on 400 files of a few kilobytes of source text, each commit changing a few lines of
 * three of them, packed as git packs. The same each time.
 */
export async function makeHistory(path: string, commits: number): Promise<string> {
  mkdirSync(path, { recursive: true })
  const git = (args: readonly string[]): Buffer =>
    execFileSync('git', ['-C', path, ...args], { env: { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null' } })
  git(['init', '-q', '-b', 'main'])
  const random = createRandom(1)
  const files = Array.from({ length: 400 }, () => Array.from({ length: 60 + random(400) }, () => line(random)))
  const importer = spawn('git', ['-C', path, 'fast-import', '--quiet'], { stdio: ['pipe', 'inherit', 'inherit'] })
  const say = async (text: string): Promise<void> => {
    if (!importer.stdin.write(text)) await once(importer.stdin, 'drain')
  }
  for (let commit = 0; commit < commits; commit += 1) {
    await say(
      `commit refs/heads/main\ncommitter Ada <ada@example.org> ${1_600_000_000 + commit * 600} +0000\n${dataOf(`change ${commit}`)}`,
    )
    const changed = commit === 0 ? [...files.keys()] : [random(400), random(400), random(400)]
    for (const file of new Set(changed)) {
      const lines = files[file] ?? []
      for (let edit = 0; edit < 4; edit += 1) lines[random(lines.length)] = line(random)
      await say(`M 100644 inline src/part${file % 20}/file${file}.ts\n${dataOf(lines.join('\n'))}`)
    }
  }
  importer.stdin.end()
  await once(importer, 'close')
  git(['gc', '-q'])
  return path
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
