import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { Page } from '../../api/verbs.ts'
import { parseVerifier, type Verifier } from '../../audit/checkpoint.ts'
import { FIELDS } from '../../audit/entry.ts'
import { exportLog } from '../../audit/export.ts'
import { checkProof, proveEntry } from '../../audit/prove.ts'
import type { EntryFilter, FoundEntry } from '../../audit/search.ts'
import { openTree } from '../../audit/tree.ts'
import { verifyDirectory } from '../../audit/verify.ts'
import { catalogued } from '../../catalogued.ts'
import { StintError } from '../../errors.ts'
import { parseDuration } from '../../run/duration.ts'
import type { CommandContext, Register } from '../command.ts'
import { addList, type Options } from '../list.ts'
import { facts, table } from '../table.ts'

/** `stint audit tail | search | verify | prove | export`. The last three read a directory and need no running Stint. */
export const register: Register = (program, context) => {
  const audit = program.command('audit').description('the log of what was decided and done: watch, search, verify, prove, export')
  addTail(audit, context)
  addSearch(audit, context)
  addVerify(audit, context)
  addProve(audit, context)
  addExport(audit, context)
}

function addTail(audit: Command, { call, output, stream }: CommandContext): void {
  withFilters(audit.command('tail').description('show the newest entries, then each one as it is written'))
    .option('--lines <number>', 'how many to begin with', '10')
    .action(async ({ lines, ...options }: Options) => {
      const filter = filterOf(options)
      const recent = await call<Page<FoundEntry>>(
        'GET',
        `/v1/audit/entries?${new URLSearchParams({ ...filter, limit: lines ?? '10' })}`,
      )
      const shown = [...recent.items].reverse()
      for (const entry of shown) output.print(entry, lineOf)
      const from = shown.at(-1)?.index
      const query = new URLSearchParams({ ...filter, ...(from !== undefined && { from: String(from + 1) }) })
      for await (const entry of stream<FoundEntry>(`/v1/audit/tail?${query}`)) output.print(entry, lineOf)
    })
}

function addSearch(audit: Command, context: CommandContext): void {
  const command = withFilters(audit.command('search').description('list entries, newest first')).addHelpText(
    'after',
    `
Examples:
  $ stint audit search --task task_01
  $ stint audit search --target github --effect deny --since 1d
  $ stint audit search --json --correlation-id 01JD…`,
  )
  addList<FoundEntry>(command, context, { path: '/v1/audit/entries', limit: 50, queryOf: filterOf, text: listing })
}

function addVerify(audit: Command, context: CommandContext): void {
  withDirectory(audit.command('verify').description('check the whole log offline: every entry, every hash, every signature'))
    .option('--key <file>', 'the public key to believe, kept apart from the log (default: the one in the directory)')
    .option('--checkpoint <file>', 'a checkpoint kept from before: the log must extend it')
    .option('--proof <file>', 'check this proof of one entry instead of a directory')
    .addHelpText(
      'after',
      `
Keep a checkpoint somewhere else (\`cp $STINT_HOME/audit/checkpoint …\`): with one, any later change to what it covered is found, even by
someone who holds the signing key.

Examples:
  $ stint audit verify
  $ stint audit verify --directory ./export --key ./public-key --checkpoint ./last-month`,
    )
    .action(({ directory, key, checkpoint, proof }: Options) =>
      offline(async () => {
        const verifier = key === undefined ? undefined : parseVerifier(readFile(key))
        if (proof === undefined) return verify(context, directoryOf(context, directory), verifier, checkpoint)
        const believed = verifier ?? openTree(directoryOf(context, directory)).verifier
        context.output.print(checkProof(readFile(proof), believed), ({ index, size, entry }) =>
          [`Entry ${index} is in the log of ${believed.name}, which had ${size} entries.`, lineOf({ index, ...entry })].join(
            '\n',
          ),
        )
      }),
    )
}

async function verify(
  context: CommandContext,
  directory: string,
  verifier: Verifier | undefined,
  checkpoint: string | undefined,
): Promise<void> {
  const earlier = checkpoint === undefined ? undefined : readFile(checkpoint)
  const result = await verifyDirectory(directory, { verifier, earlier })
  if (!result.ok) throw new StintError('audit_tampered', `${result.place}: ${result.problem}`)
  const key =
    verifier === undefined
      ? 'the directory’s own: this proves that the log is whole, not who wrote it; use --key'
      : 'the one given'
  const extended =
    result.extendsSize === undefined
      ? 'not compared with an earlier one; use --checkpoint'
      : `extends the one of ${result.extendsSize} entries`
  context.output.print(result, ({ origin, size, root }) =>
    facts([
      ['log', `${origin}: verified`],
      ['entries', `${size}, each one unchanged and in its place`],
      ['root', root],
      ['key', key],
      ['checkpoint', extended],
    ]),
  )
}

function addProve(audit: Command, context: CommandContext): void {
  withDirectory(audit.command('prove <entry>').description('write a proof that one entry is in the log, checkable offline'))
    .option('--out <file>', 'where to (default: standard output)')
    .action((entry: string, { directory, out }: Options) =>
      offline(async () => {
        if (!/^\d{1,15}$/.test(entry)) throw new StintError('invalid_argument', 'entry takes the number of an entry')
        const proof = await proveEntry(directoryOf(context, directory), Number(entry))
        if (out !== undefined) writeFileSync(out, proof)
        context.output.print({ entry: Number(entry), proof, ...(out !== undefined && { file: out }) }, () =>
          out === undefined ? proof : `Wrote ${out}. Check it with \`stint audit verify --proof ${out} --key <public-key>\`.`,
        )
      }),
    )
}

function addExport(audit: Command, context: CommandContext): void {
  withDirectory(
    audit.command('export <destination>').description('copy the log to an empty directory as a static C2SP tlog-tiles tree'),
  ).action((destination: string, { directory }: Options) =>
    offline(async () => {
      const entries = await exportLog(directoryOf(context, directory), resolve(destination))
      context.output.print(
        { entries, destination: resolve(destination) },
        () =>
          `${entries} entries in ${resolve(destination)}. Check them with \`stint audit verify --directory ${destination} --key <public-key>\`.`,
      )
    }),
  )
}

/** One option for each filter there is. */
const FILTERS: Readonly<Record<keyof EntryFilter, readonly [flags: string, about: string, choices?: readonly string[]]>> = {
  task: ['--task <task>', 'of this task'],
  caller: ['--caller <id>', 'of this workload'],
  owner: ['--owner <person>', 'of tasks this person answers for'],
  target: ['--target <target>', 'about this target'],
  action: ['--action <id>', 'of this action'],
  code: ['--code <code>', 'with this code'],
  correlationId: ['--correlation-id <id>', 'of this request'],
  text: ['--text <words>', 'with these words anywhere, in any case'],
  since: ['--since <when>', 'not before this time, or this long ago: 2026-11-22T08:00Z, 15m, 2d'],
  until: ['--until <when>', 'not after it'],
  effect: ['--effect <effect>', 'decided so', FIELDS.decision.effect.of],
  kind: ['--kind <kind>', 'of this kind', Object.keys(FIELDS)],
}

function withFilters(command: Command): Command {
  for (const [flags, about, choices] of Object.values(FILTERS)) {
    const option = new Option(flags, about)
    command.addOption(choices === undefined ? option : option.choices(choices))
  }
  return command
}

/** The filter options as the API names them, without those that were not given. */
function filterOf({ since, until, ...options }: Options): Record<string, string> {
  const texts = Object.entries(options).filter((pair): pair is [string, string] => pair[1] !== undefined)
  return {
    ...Object.fromEntries(texts),
    ...(since !== undefined && { since: String(timeOf(since, '--since')) }),
    ...(until !== undefined && { until: String(timeOf(until, '--until')) }),
  }
}

function withDirectory(command: Command): Command {
  return command.option('--directory <directory>', 'the log or an export of it (default: the data directory’s own log)')
}

function directoryOf(context: CommandContext, directory: string | undefined): string {
  return directory === undefined ? join(context.home, 'audit') : resolve(directory)
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new StintError('invalid_argument', `${path} cannot be read`, { cause })
  }
}

/** Work on the log itself, without a server. */
async function offline(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (thrown) {
    throw catalogued(thrown)
  }
}

function timeOf(text: string, argument: string): number {
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Date.now() - parseDuration(text, argument) * 1000
  if (Number.isNaN(time))
    throw new StintError(
      'invalid_argument',
      `${argument} takes a time such as 2026-11-22T08:00Z, or 15m, 2h, 1d for that long ago`,
    )
  return time
}

function listing({ items, next }: Page<FoundEntry>): string {
  const rows = items.map((entry) => {
    const { what, who, on, detail } = wordsOf(entry)
    return [String(entry.index), timeText(entry), what, who, on, detail]
  })
  const heading = ['ENTRY', 'TIME', 'WHAT', 'WHO', 'ON', 'DETAIL']
  return table(heading, rows, next === undefined ? 'No entry matches.' : 'None so far.')
}

function lineOf(entry: FoundEntry): string {
  const { what, who, on, detail } = wordsOf(entry)
  return `${String(entry.index).padStart(6)}  ${timeText(entry)}  ${what.padEnd(14)}  ${[who, on, detail].filter((word) => word !== '').join('  ')}`
}

interface Words {
  readonly what: string
  readonly who: string
  readonly on: string
  readonly detail: string
}

function wordsOf(entry: FoundEntry): Words {
  switch (entry.kind) {
    case 'decision':
      return {
        what: entry.effect,
        who: entry.task ?? entry.caller,
        on: [entry.target, entry.action, entry.resource].filter((word) => word !== null && word !== '').join(' '),
        detail: entry.effect === 'allow' ? `risk ${entry.risk}` : (entry.reasons[0] ?? entry.code),
      }
    case 'outcome':
      return {
        what: entry.result,
        who: entry.task ?? entry.caller,
        on: [entry.target, entry.action].filter((word) => word !== null).join(' '),
        detail: `${entry.code ?? entry.status ?? 'done'}, ${entry.bytesOut} B out, ${entry.bytesIn} B in, ${entry.durationMs} ms (entry ${entry.decision})`,
      }
    case 'attempt':
      return { what: 'refused', who: entry.task ?? entry.caller ?? 'unproved', on: '', detail: `${entry.code}: ${entry.detail}` }
    case 'act':
      return {
        what: entry.code,
        who: entry.caller ?? 'stint',
        on: [entry.action, entry.subject].filter((word) => word !== null).join(' '),
        detail: entry.reason ?? '',
      }
    case 'system':
      return { what: entry.code, who: 'stint', on: '', detail: entry.detail }
  }
}

function timeText({ at }: FoundEntry): string {
  return at.replace('T', ' ').replace('Z', '')
}
