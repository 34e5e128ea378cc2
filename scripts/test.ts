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
/** One more than there are cores: each file waits for servers and programs now and then. */
const concurrency = `--test-concurrency=${Math.max(2, availableParallelism()) + 1}`
/** A quarter of what a file costs is stripping and compiling what it imports: as bin/stint.js does, that is kept beside the libraries. */
const env = { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'stint') }
const { status, error } = spawnSync(process.execPath, ['--test', concurrency, '--test-timeout=120000', ...options, ...files], {
  cwd: root,
  env,
  stdio: 'inherit',
  timeout: LONGEST_MINUTES * 60_000,
})
if (error !== undefined) process.stderr.write(`the tests were ended, they have ${LONGEST_MINUTES} minutes: ${error.message}\n`)
process.exit(status ?? 1)
