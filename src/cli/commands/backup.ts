import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Lock, Unlock } from '../../backup/age.ts'
import { StintError } from '../../errors.ts'
import { placesIn } from '../../home.ts'
import { Secret } from '../../secret.ts'
import { collect } from '../collect.ts'
import type { CommandContext, Register } from '../command.ts'
import { readSecret, type SecretSource } from '../read-secret.ts'

interface KeyOptions {
  readonly passphrase?: true
  readonly passphraseFile?: string
  readonly passphraseEnv?: string
}
interface CreateOptions extends KeyOptions {
  readonly to: string
  readonly recipient: readonly string[]
}
interface RestoreOptions extends KeyOptions {
  readonly identity: readonly string[]
}

/** Who guesses at a backup does so at leisure. */
const SHORTEST_PASSPHRASE = 12

/** `stint backup create | restore`. A passphrase is asked for, read from a file, a variable or a pipe; never an argument. */
export const register: Register = (program, context) => {
  const backup = program.command('backup').description('the whole installation in one encrypted file, and back')
  withPassphrase(backup.command('create').description('write a backup as an age file, while Stint runs'))
    .requiredOption('--to <file>', 'where to write it; nothing may be there')
    .option('--recipient <recipient>', 'who can open it: a public key of age-keygen; may be given again', collect, [])
    .addHelpText(
      'after',
      `
A backup holds everything: the sealed credentials with the vault’s key file, every signing key, the CA, the policies, the settings, the
audit log. Who opens it is this installation. Where the vault’s key comes from a command it is not in the backup: keep it as well.
A state in PostgreSQL is read from there, by the STINT_DATABASE_URL of \`stint start\`, as it is at one moment while others write to it.

Examples:
  $ stint backup create --to /backups/stint.age --recipient age1…
  $ stint backup create --to /backups/stint.age --passphrase`,
    )
    .action((options: CreateOptions) => create(context, options, program.version() ?? ''))
  withPassphrase(backup.command('restore <file>').description('make a new data directory of a backup'))
    .option('--identity <file>', 'a file of age-keygen with the key that opens it; may be given again', collect, [])
    .addHelpText(
      'after',
      `
Everything is verified before the data directory is there; one that is not empty is refused. What happened after the backup is not in it:
revoke again what was revoked since. Tasks that were live are ended. Stint must not run elsewhere with the same keys. The state is then in
the data directory, also if it was in PostgreSQL: to have it there, give an empty database and \`stint state move --to postgres\`.

Examples:
  $ stint backup restore /backups/stint.age --identity key.txt
  $ stint --home /srv/stint backup restore /backups/stint.age --passphrase-file /run/secrets/backup`,
    )
    .action((file: string, options: RestoreOptions) => restore(context, file, options))
}

/** The code is loaded when it is needed: other commands start faster without. */
async function create(context: CommandContext, options: CreateOptions, version: string): Promise<void> {
  const { takeBackup } = await import('../../take-backup.ts')
  const { call, home, output } = context
  const to = resolve(options.to)
  const lock = await eitherOf<Lock>('--recipient', options.recipient, options, {
    keys: async (recipients) => ({ recipients }),
    passphrase: async () => ({ passphrase: await newPassphrase(options, context) }),
  })
  const { sharedAs } = await call<{ sharedAs?: string }>('POST', '/v1/backups')
  const copyState = await copierOf(context, sharedAs)
  const checkpoint = () => call('GET', '/v1/audit/checkpoint')
  const bytes = await takeBackup({ home, to, lock, version, now: Date.now(), copyState, checkpoint })
  output.print({ file: to, bytes }, () => `${to} holds this installation as it was just now, in ${bytes} bytes.`)
}

/** The state is in the data directory, or in the database that the settings of this command must name as well. */
async function copierOf({ env, home }: CommandContext, sharedAs: string | undefined): Promise<(path: string) => Promise<void>> {
  if (sharedAs === undefined) {
    const { copyDatabase } = await import('../../store/copy.ts')
    return (path) => copyDatabase(placesIn(home).database, path)
  }
  const [{ loadConfig }, { snapshotState }] = await Promise.all([import('../load-config.ts'), import('../../store/snapshot.ts')])
  const { databaseUrl } = loadConfig(env, home)
  if (databaseUrl === undefined)
    throw new StintError(
      'invalid_config',
      'the state is in PostgreSQL: give this command the STINT_DATABASE_URL of `stint start`',
    )
  return (path) => snapshotState(databaseUrl, sharedAs, path)
}

async function restore({ env, home, output }: CommandContext, path: string, options: RestoreOptions): Promise<void> {
  const { restoreBackup } = await import('../../restore-backup.ts')
  const unlock = await eitherOf<Unlock>('--identity', options.identity, options, {
    keys: async (files) => ({ identities: (await Promise.all(files.map(identitiesIn))).flat() }),
    passphrase: async () => ({ passphrase: await readSecret('Passphrase', sourceOf(options), env) }),
  })
  process.umask(0o077)
  const restored = await restoreBackup({ home, file: resolve(path), unlock, now: Date.now })
  output.print({ home, ...restored }, ({ takenAt, entries, tasksEnded, sealedElsewhere }) =>
    [
      `${home} is the installation of ${takenAt}: ${entries} log entries, verified; ${tasksEnded} live tasks were ended.`,
      ...(sealedElsewhere > 0 ? [`${sealedElsewhere} records of the vault need its key from where it is kept.`] : []),
      'What was revoked since then is not: revoke it again. Next: stint start',
    ].join('\n'),
  )
  const { loadConfig } = await import('../load-config.ts')
  if (loadConfig(env, home).databaseUrl !== undefined)
    output.say('Its state is in state.db, and the settings name a database: stint state move --to postgres, or name none.')
}

/** Keys or a passphrase, as age has it: never both, never neither. */
async function eitherOf<T>(
  option: string,
  keys: readonly string[],
  { passphrase, passphraseFile, passphraseEnv }: KeyOptions,
  from: { keys(given: readonly string[]): Promise<T>; passphrase(): Promise<T> },
): Promise<T> {
  const hasPassphrase = passphrase === true || passphraseFile !== undefined || passphraseEnv !== undefined
  if (hasPassphrase !== keys.length > 0) return hasPassphrase ? from.passphrase() : from.keys(keys)
  throw new StintError(
    'invalid_argument',
    `give ${option}, or a passphrase by --passphrase, --passphrase-file or --passphrase-env`,
  )
}

async function newPassphrase(options: KeyOptions, { env }: CommandContext): Promise<Secret> {
  const source = sourceOf(options)
  const passphrase = await readSecret('Passphrase', source, env)
  if (passphrase.length < SHORTEST_PASSPHRASE)
    throw new StintError('invalid_argument', `a passphrase takes ${SHORTEST_PASSPHRASE} characters or more`)
  const isAsked = process.stdin.isTTY && source.fromFile === undefined && source.fromEnv === undefined
  if (isAsked && !isEqual(passphrase, await readSecret('The same again', source, env)))
    throw new StintError('invalid_argument', 'the two passphrases differ')
  return passphrase
}

function isEqual(one: Secret, other: Secret): boolean {
  return one.reveal() === other.reveal()
}

function sourceOf({ passphraseFile, passphraseEnv }: KeyOptions): SecretSource {
  return {
    ...(passphraseFile !== undefined && { fromFile: passphraseFile }),
    ...(passphraseEnv !== undefined && { fromEnv: passphraseEnv }),
  }
}

/** The keys in a file of age-keygen: one a line; lines that begin with `#` are comments. */
async function identitiesIn(path: string): Promise<Secret[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new StintError('invalid_argument', `${path} cannot be read`, { cause })
  })
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !line.startsWith('#'))
  if (lines.length === 0) throw new StintError('invalid_argument', `${path} holds no identity`)
  return lines.map((line) => new Secret(line.trim()))
}

function withPassphrase(command: Command): Command {
  return command
    .option('--passphrase', 'by a passphrase, asked for or read from a pipe')
    .option('--passphrase-file <file>', 'by the passphrase in this file')
    .option('--passphrase-env <variable>', 'by the passphrase in this environment variable')
}
