import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Option } from 'commander'
import { StintError } from '../../errors.ts'
import { placesIn } from '../../home.ts'
import { replacePublic } from '../../private-file.ts'
import { withoutAllowed, withoutMarks } from '../../scanner/allow/allow.ts'
import { loadProjectSettings, loadRules, readProjectFile } from '../../scanner/allow/load.ts'
import { joinSettings, type Settings } from '../../scanner/allow/settings.ts'
import { markKnown, readBaseline, writeBaseline } from '../../scanner/baseline.ts'
import { withoutPreviews } from '../../scanner/finding.ts'
import type { Skipped } from '../../scanner/job.ts'
import type { Skip } from '../../scanner/own/gitleaks.ts'
import { locate } from '../../scanner/past/locate.ts'
import type { Run } from '../../scanner/report-format.ts'
import { REPORTS } from '../../scanner/reports/index.ts'
import { CONFIDENCES, type Confidence, sureness } from '../../scanner/rule.ts'
import { type Report, scan } from '../../scanner/scan.ts'
import { scanEach } from '../../scanner/scan-each.ts'
import { scanHistory } from '../../scanner/scan-history.ts'
import { listObjects } from '../../scanner/sources/git.ts'
import { provenanceOf } from '../../scanner/sources/provenance.ts'
import { createToldSecrets, type ToldSecrets } from '../../scanner/verify/told-secrets.ts'
import { collect } from '../collect.ts'
import type { CommandContext, Output, Register } from '../command.ts'
import { report as reportFailure } from '../failure.ts'
import { INPUT, isRemote, listWorks, type PartOptions, type Works } from '../list-works.ts'
import type { Remote } from '../scan-remote.ts'
import { openScannerKey } from '../scanner-key.ts'

interface ScanOptions extends PartOptions {
  readonly failOn: Confidence
  readonly verify?: true
  readonly allowLists: boolean
  readonly state: boolean
  readonly fresh?: true
  readonly rules: readonly string[]
  readonly import: readonly string[]
  readonly baseline?: string
  readonly writeBaseline?: string
  readonly format?: string
  readonly output?: string
  readonly redact?: true
  readonly fingerprintKey?: string
  readonly server?: string
}

/** `stint scan`: finds secrets that leaked into files and git histories. Needs no running Stint and no network. */
export const register: Register = (program, context) => {
  program
    .command('scan')
    .description('find secrets that leaked into files and into the whole history of a git repository; offline, no server needed')
    .argument(
      '[path]',
      'a repository, a directory or a file; - for standard input; github:ORG[/REPO] or gitlab:GROUP[/PROJECT] under a task (default: ".")',
    )
    .option('--files', 'of a repository, look at its files as they are now rather than at its history')
    .option(
      '--verify',
      'ask the providers which secrets still work, by reads that change nothing; sends each secret to its own provider',
    )
    .addOption(new Option('--staged', 'look only at what the next commit would bring in').conflicts('files'))
    .addOption(
      new Option('--since <revision>', 'look only at what HEAD has and this revision has not').conflicts(['files', 'staged']),
    )
    .addOption(
      new Option('--env', 'look at the environment that this command was given; at a path only where one is named').conflicts([
        'staged',
        'since',
      ]),
    )
    .addOption(
      new Option(
        '--user-home [directory]',
        'look where programs keep credentials in a home directory: shell histories, their settings, agents and MCP servers',
      ).conflicts(['staged', 'since']),
    )
    .option('--server <url>', 'where github: or gitlab: is, if not at github.com or gitlab.com')
    .option('--no-ignore', 'look at files that .gitignore names too')
    .addOption(
      new Option('--fail-on <confidence>', 'end with 1 only for findings that are at least this sure')
        .choices(CONFIDENCES)
        .default('low'),
    )
    .addOption(
      new Option('--format <format>', 'how to say what was found (default: "text", under --json "json")').choices(
        Object.keys(REPORTS),
      ),
    )
    .option('--redact', 'say nothing of what a secret looks like, not even its first characters and its length')
    .option('--output <file>', 'write that to a file rather than to standard output')
    .option('--fresh', 'of a repository, look into what an earlier scan looked into too, and keep that anew')
    .option('--no-state', 'of a repository, use nothing of an earlier scan, and keep nothing for the next')
    .option('--rules <file>', 'look for what the rules of this file know too; may be given again', collect, [])
    .option('--no-allow-lists', 'take neither allow-lists nor rules from files of the project, as when it is somebody else’s')
    .option(
      '--import <file>',
      'join what is found with what another scanner found, by a report of it; without a path only such reports are read; may be given again',
      collect,
      [],
    )
    .option('--baseline <file>', 'what stands in this file is known: it is marked, and no reason to end with 1')
    .option('--write-baseline <file>', 'write what was found to a file, as known from now on')
    .option(
      '--fingerprint-key <file>',
      'the key of fingerprints: a copy of `scanner.key`, where the data directory is not to be had',
    )
    .addHelpText(
      'after',
      `
A finding never holds the secret: it has a fingerprint, which is the same wherever this installation finds the same secret.
With --verify each is said to be live, dead or unknown: live only where the provider refused a made-up value of the same shape. Without it
nothing is sent anywhere.
Of a repository all objects are looked into, and the files that differ from its index or are not tracked. Its hooks, filters and other
programs are not run. \`.pre-commit-hooks.yaml\` has \`stint scan --staged\` for pre-commit.
The next scan of the same history looks into what is new only, unless the rules changed: \`scans\` in the data directory has which objects were
looked into and what was found, never a secret.
A line that says \`gitleaks:allow\` or \`stint:allow\` is passed over, and so is what \`.stint-scan.yaml\`, \`.gitleaks.toml\` and
\`.gitleaksignore\` of the scanned directory allow: docs/scanning.md. The first two may have rules of your own too, and so may files that --rules
names: YAML as \`.stint-scan.yaml\`, or TOML as gitleaks has it.
A variable of the environment is a place \`env:NAME\`. Standard input may be of any length.
Archives (zip, jar, tar, gzip, zstd) are opened: what is in one is named \`archive!path\`. What is not looked into is counted, with the reason.
Exports of Slack, Jira, Linear, GitHub and GitLab are read message by message, notebooks cell by cell: a place says which, and whose.

Of github: and gitlab: all repositories are looked into, with issues, requests to merge, comments, gists and snippets, under a task whose
gateway has the credential.
Reports of gitleaks, trufflehog and kingfisher (JSON, JSON Lines) and SARIF are joined with --import: one secret is one finding, which says
who saw it. The secrets that a report holds are neither kept nor said.

Ends with 0 when nothing was found, 1 for findings, 2 when it could not look.

Examples:
  $ stint scan
  $ stint scan --staged
  $ stint scan --since origin/main
  $ stint scan --files ./deploy
  $ git diff main | stint scan -
  $ stint scan --env --user-home
  $ stint scan --format sarif --output stint.sarif
  $ stint run --task "scan acme" --target github -- stint scan github:acme
  $ stint scan --redact --format csv --output for-others.csv
  $ stint scan . --import gitleaks.json --import trufflehog.jsonl
  $ stint scan --write-baseline known.json
  $ stint scan --baseline known.json
  $ stint scan --json /srv/git/project.git | jq '.findings[].rule'`,
    )
    .action(async (path: string | undefined, options: ScanOptions) => {
      const run = { version: program.version() ?? '', startedAt: new Date() }
      process.exitCode = await scanAndReport(pathOf(path, options), options, context, run).catch((thrown) => {
        reportFailure(thrown, context.output.json, process.stderr)
        return 2
      })
    })
}

/** Absolute; undefined where something else than a path is meant. */
function pathOf(path: string | undefined, { env, userHome, import: imports }: ScanOptions): string | undefined {
  if (path === INPUT || isRemote(path) || (path === undefined && (env || userHome || imports.length > 0))) return path
  return resolve(path ?? '.')
}

async function scanAndReport(
  path: string | undefined,
  options: ScanOptions,
  context: CommandContext,
  started: Pick<Run, 'version' | 'startedAt'>,
): Promise<number> {
  const format = formatOf(options, context.output.json)
  const key = await openScannerKey(context, options.fingerprintKey)
  await using remote = await openRemote(path, options, context)
  const directory = path === undefined ? undefined : directoryOf(path)
  const leftOut: Skipped[] = []
  const settings = await loadSettings(directory, options, (one) => void leftOut.push(one))
  const known = await knownOf(options, key)
  const works = remote ?? (await listWorks(path, options, context.env))
  const secrets = createToldSecrets()
  const { rules, words } = settings
  const looking = {
    key,
    input: process.stdin,
    own: { rules, words },
    onProgress: showProgress(),
    ...(options.verify && { onSecret: secrets.tell }),
  }
  const found = remote === undefined ? await scanWorks(works, looking, options, context) : await scanEach(remote.each, looking)
  const passed = passOver(await joinReports(found, options.import, key), settings, known)
  const kept = { ...passed, skipped: [...leftOut, ...works.skipped, ...passed.skipped] }
  const checked = options.verify ? await verified(kept, secrets) : kept
  const report = options.redact ? { ...checked, findings: withoutPreviews(checked.findings) } : checked
  if (options.writeBaseline !== undefined)
    await replacePublic(resolve(options.writeBaseline), writeBaseline(report.findings, key))
  const repository = works.history ?? works.works.find((work) => work.kind === 'git')?.repository
  const provenance = repository === undefined ? {} : { repository: await provenanceOf(repository) }
  await writeReport(report, format, { ...started, endedAt: new Date(), ...provenance }, options.output, context.output)
  const least = sureness(options.failOn)
  return report.findings.some(({ confidence, known }) => !known && sureness(confidence) >= least) ? 1 : 0
}

/** What asks the providers is loaded where they are asked. */
async function verified(report: Report, secrets: ToldSecrets): Promise<Report> {
  const { verifyFindings } = await import('../verify-findings.ts')
  const { findings, skipped } = await verifyFindings(report.findings, secrets)
  return { ...report, findings, skipped: [...report.skipped, ...skipped] }
}

/** Of a whole history, what an earlier scan looked into is not looked into again. */
async function scanWorks(
  { works, history }: Works,
  options: Parameters<typeof scan>[1],
  { state, fresh }: ScanOptions,
  { home, output }: CommandContext,
): Promise<Report> {
  if (history === undefined) return scan(works, options)
  const location = state ? await locate(history) : undefined
  if (location === undefined) return scan([await listObjects(history), ...works], options)
  const { scans: directory } = placesIn(home)
  const onRemark = (line: string): void => output.say(line)
  return scanHistory(works, { ...options, repository: history, location, directory, isFresh: fresh === true, onRemark })
}

/** What the project says, and the files that are named. Throws `invalid_argument`. */
async function loadSettings(directory: string | undefined, { allowLists, rules }: ScanOptions, skip: Skip): Promise<Settings> {
  const named = await Promise.all(rules.map((file) => loadRules(resolve(file), skip)))
  const project = allowLists && directory !== undefined ? [await loadProjectSettings(directory, skip)] : []
  return joinSettings([...named, ...project])
}

/** The report with what other scanners' reports tell. What reads them is loaded where there are some. Throws `invalid_argument`. */
async function joinReports(report: Report, files: readonly string[], key: Buffer): Promise<Report> {
  if (files.length === 0) return report
  const { loadReports } = await import('../../scanner/imports/load-reports.ts')
  return { ...report, findings: await loadReports(report.findings, files, key) }
}

/** The report without what is allowed, what is known marked. */
function passOver(report: Report, { allows, outside }: Settings, known: ReadonlySet<string>): Report {
  const { findings: inside } = withoutAllowed(report.findings, outside)
  const { findings, allowed } = withoutAllowed(inside, allows)
  return { ...report, findings: markKnown(withoutMarks(findings), known), ...(allows.length > 0 && { allowed }) }
}

/** Throws `invalid_argument` for a baseline that cannot be read. */
async function knownOf({ baseline }: ScanOptions, key: Buffer): Promise<ReadonlySet<string>> {
  if (baseline === undefined) return new Set()
  const text = await readProjectFile(resolve(baseline))
  if (text === undefined) throw new StintError('invalid_argument', `${baseline} is not there; make it with --write-baseline`)
  return readBaseline(text, baseline, key)
}

/** Throws `invalid_argument` for two formats at once. */
function formatOf({ format }: ScanOptions, isJson: boolean): string {
  if (isJson && format !== undefined && format !== 'json')
    throw new StintError('invalid_argument', `--json asks for another format than --format ${format}; give one of them`)
  return format ?? (isJson ? 'json' : 'text')
}

/** Throws `state_unsafe` for a file that cannot be written, `invalid_argument` for a format that is none. */
async function writeReport(report: Report, format: string, run: Run, file: string | undefined, output: Output): Promise<void> {
  const spell = REPORTS[format]
  if (spell === undefined) throw new StintError('invalid_argument', `there is no format ${format}`)
  const text = spell(report, run)
  if (file === undefined) return output.print(report, () => text)
  await replacePublic(resolve(file), `${text}\n`)
  output.say(`The report is in ${file}.`)
}

/** What asks servers is loaded where one is meant. Throws `invalid_argument` where none is and `--server` is given. */
async function openRemote(path: string | undefined, options: ScanOptions, context: CommandContext): Promise<Remote | undefined> {
  const { server, files, staged, since, env, userHome } = options
  if (isRemote(path)) {
    if (files || staged || since || env || userHome)
      throw new StintError(
        'invalid_argument',
        'of a server all is looked into; leave --files, --staged, --since, --env and --user-home',
      )
    return (await import('../scan-remote.ts')).openRemote(path, options, context)
  }
  if (server === undefined) return undefined
  throw new StintError('invalid_argument', '--server goes with github:ORG[/REPO] or gitlab:GROUP[/PROJECT]')
}

/** Where the files of a project lie; of standard input and of a server, here. Throws `invalid_argument` for a path that is not there. */
function directoryOf(path: string): string {
  if (path === INPUT || isRemote(path)) return resolve('.')
  if (!existsSync(path)) throw new StintError('invalid_argument', `${path} is not there`)
  return statSync(path).isDirectory() ? path : dirname(path)
}

/** One line that is written over, for people who look on. */
function showProgress(): (items: number, bytes: number, all: number) => void {
  const { stderr } = process
  if (!stderr.isTTY) return () => undefined
  const startedAt = performance.now()
  return (items, bytes, all) => {
    const seconds = (performance.now() - startedAt) / 1000
    const left = items === 0 || all === Number.POSITIVE_INFINITY ? '' : `, ${Math.ceil((seconds / items) * (all - items))} s left`
    const isEnd = items >= all
    stderr.write(
      isEnd
        ? '\r\x1b[K'
        : `\r\x1b[K${items}${all === Number.POSITIVE_INFINITY ? '' : ` of ${all}`}, ${megabytes(bytes)}, ${megabytes(bytes / seconds)}/s${left}`,
    )
  }
}

function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
