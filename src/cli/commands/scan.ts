import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Option } from 'commander'
import { StintError } from '../../errors.ts'
import { prepareHome } from '../../home.ts'
import { readOrCreatePrivate } from '../../private-file.ts'
import type { Finding, Place } from '../../scanner/finding.ts'
import type { FileWork, GitWork, Skipped } from '../../scanner/job.ts'
import type { Confidence } from '../../scanner/rule.ts'
import { type Report, scan } from '../../scanner/scan.ts'
import { listFiles } from '../../scanner/sources/files.ts'
import { isRepository, listObjects } from '../../scanner/sources/git.ts'
import type { CommandContext, Register } from '../command.ts'
import { report as reportFailure } from '../failure.ts'

const CONFIDENCES: readonly Confidence[] = ['low', 'medium', 'high']
/** Of a secret's places, as many are shown to people. */
const SHOWN_PLACES = 3

interface ScanOptions {
  readonly files?: true
  readonly failOn: Confidence
}

/** `stint scan`: finds secrets that leaked into files and git histories. Needs no running Stint and no network. */
export const register: Register = (program, context) => {
  program
    .command('scan')
    .description('find secrets that leaked into files and into the whole history of a git repository; offline, no server needed')
    .argument('[path]', 'a repository, a directory or a file', '.')
    .option('--files', 'of a repository, look at its files as they are now rather than at its history')
    .addOption(
      new Option('--fail-on <confidence>', 'end with 1 only for findings that are at least this sure')
        .choices(CONFIDENCES)
        .default('low'),
    )
    .addHelpText(
      'after',
      `
A finding never holds the secret: it has a fingerprint, which is the same wherever this installation finds the same secret.
A line that says \`gitleaks:allow\` or \`stint:allow\` is passed over.

Ends with 0 when nothing was found, 1 for findings, 2 when it could not look.

Examples:
  $ stint scan
  $ stint scan --files ./deploy
  $ stint scan --json /srv/git/project.git | jq '.findings[].rule'`,
    )
    .action(async (path: string, options: ScanOptions) => {
      process.exitCode = await run(resolve(path), options, context).catch((thrown) => {
        reportFailure(thrown, context.output.json, process.stderr)
        return 2
      })
    })
}

async function run(path: string, options: ScanOptions, context: CommandContext): Promise<number> {
  const { work, skipped } = await workOf(path, options)
  const key = await openScannerKey(context.home)
  const found = await scan(work, { key, onProgress: progressOf(work) })
  const report = { ...found, skipped: [...skipped, ...found.skipped] }
  context.output.print(report, textOf)
  const least = CONFIDENCES.indexOf(options.failOn)
  return report.findings.some(({ confidence }) => CONFIDENCES.indexOf(confidence) >= least) ? 1 : 0
}

async function workOf(path: string, { files }: ScanOptions): Promise<{ work: GitWork | FileWork; skipped: readonly Skipped[] }> {
  if (!existsSync(path)) throw new StintError('invalid_argument', `${path} is not there`)
  if (files === undefined && (await isRepository(path))) return { work: await listObjects(path), skipped: [] }
  return listFiles(path)
}

/** The key of this installation's fingerprints, made the first time. */
async function openScannerKey(home: string): Promise<Buffer> {
  prepareHome(home)
  const text = await readOrCreatePrivate(join(home, 'scanner.key'), () => `${randomBytes(32).toString('base64')}\n`)
  return Buffer.from(text, 'base64')
}

/** One line that is written over, for people who look on. */
function progressOf(work: GitWork | FileWork): (items: number, bytes: number) => void {
  const { stderr } = process
  if (!stderr.isTTY) return () => undefined
  const all = work.kind === 'git' ? work.ids.byteLength / work.width : work.paths.length
  const startedAt = performance.now()
  return (items, bytes) => {
    const seconds = (performance.now() - startedAt) / 1000
    const left = items === 0 ? '' : `, ${Math.ceil((seconds / items) * (all - items))} s left`
    const isEnd = items >= all
    stderr.write(isEnd ? '\r\x1b[K' : `\r\x1b[K${items} of ${all}, ${megabytes(bytes)}, ${megabytes(bytes / seconds)}/s${left}`)
  }
}

function textOf({ findings, skipped, items, bytes }: Report): string {
  const found = findings.map(findingText).join('\n\n')
  const passed = skippedText(skipped)
  const count = findings.length === 1 ? '1 secret' : `${findings.length} secrets`
  const sum = `${findings.length === 0 ? 'Nothing found' : `${count} found`} in ${items} objects, ${megabytes(bytes)}.`
  return [...(found === '' ? [] : [found, '']), sum, ...passed].join('\n')
}

function findingText({ provider, title, confidence, preview, fingerprint, rule, facts, places }: Finding): string {
  const said = Object.entries(facts).map(([name, value]) => `${name} ${value}`)
  const more = places.length > SHOWN_PLACES ? [`  … and ${places.length - SHOWN_PLACES} more places (--json has them all)`] : []
  return [
    `${provider} ${title} (${confidence}): ${preview}`,
    `  ${[`rule ${rule}`, `fingerprint ${fingerprint}`, ...said].join(', ')}`,
    ...places.slice(0, SHOWN_PLACES).map((place) => `  ${placeText(place)}`),
    ...more,
  ].join('\n')
}

function placeText({ path, line, column, object, commit, author, date }: Place): string {
  const where = `${path ?? `object ${object}`}:${line}:${column}`
  return commit === undefined ? where : `${where} in ${commit.slice(0, 12)}, ${author}, ${date}`
}

/** Why something was not looked into, and how often. */
function skippedText(skipped: readonly Skipped[]): string[] {
  const reasons = Map.groupBy(skipped, ({ why }) => why)
  return [...reasons].map(([why, ones]) => `Skipped ${ones.length}: ${why} (${ones[0]?.what}${ones.length > 1 ? ', …' : ''})`)
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
