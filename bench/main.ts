import { globSync } from 'node:fs'
import module from 'node:module'
import { basename, join } from 'node:path'
import { type Bench, type Row, tableOf } from './row.ts'

// As bin/stint.js does, so that threads start as they do there.
module.enableCompileCache(join(import.meta.dirname, '..', 'node_modules', '.cache', 'stint'))

/** `npm run bench [-- name…] [-- --json]`: every bench file, or the named ones; ratios against a baseline in the same run. */
const words = process.argv.slice(2).filter((word) => !word.startsWith('-'))
const json = process.argv.includes('--json')
const files = globSync('*.ts', { cwd: import.meta.dirname })
  .filter((file) => !['main.ts', 'row.ts'].includes(file) && (words.length === 0 || words.includes(basename(file, '.ts'))))
  .sort()
if (files.length === 0) throw new Error(`no bench is named ${words.join(' ')}`)

const rows: Row[] = []
for (const file of files) {
  if (!json) process.stderr.write(`… ${basename(file, '.ts')}\n`)
  const { bench } = (await import(join(import.meta.dirname, file))) as { bench?: Bench }
  if (bench !== undefined) rows.push(...(await bench()))
}
process.stdout.write(json ? `${JSON.stringify(rows, null, 2)}\n` : `${tableOf(rows)}\n`)
process.exit(0)
