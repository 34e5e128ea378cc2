import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

/** `npm test [-- part-of-a-path…]`: every test file, or those whose path holds one of the words. */
const root = join(import.meta.dirname, '..')
const words = process.argv.slice(2).filter((word) => !word.startsWith('-'))
const options = process.argv.slice(2).filter((word) => word.startsWith('-'))
const all = globSync('test/**/*.test.ts', { cwd: root }).sort()
const files = words.length === 0 ? all : all.filter((file) => words.some((word) => file.includes(word)))
if (files.length === 0) {
  process.stderr.write(`no test file matches ${words.join(' ')}\n`)
  process.exit(1)
}
/** A file whose process does not end would hold everything up: whoever waits learns which, as the runner names what it still waits for. */
const LONGEST_MINUTES = 20
const concurrency = `--test-concurrency=${Math.max(2, availableParallelism())}`
const { status, error } = spawnSync(process.execPath, ['--test', concurrency, '--test-timeout=120000', ...options, ...files], {
  cwd: root,
  stdio: 'inherit',
  timeout: LONGEST_MINUTES * 60_000,
})
if (error !== undefined) process.stderr.write(`the tests were ended, they have ${LONGEST_MINUTES} minutes: ${error.message}\n`)
process.exit(status ?? 1)
