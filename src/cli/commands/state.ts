import { Option } from 'commander'
import type { MovedTable } from '../../store/move-rows.ts'
import type { CommandContext, Register } from '../command.ts'
import { table } from '../table.ts'

type Place = 'postgres' | 'sqlite'

/** Rows of a table that pass between two lines on how far it is. */
const STEP = 10_000
const DIGEST_SHOWN = 16

/** `stint state move`. The database is named by the settings: its URL holds a password, and an argument is seen by everyone. */
export const register: Register = (program, context) => {
  const state = program.command('state').description('where tasks, targets, credentials, leases and revocations are kept')
  const places = new Option('--to <place>', 'where to: postgres, or sqlite for the data directory’s own file')
  state
    .command('move')
    .description('move the state to PostgreSQL, or back, while no Stint runs on it')
    .addOption(places.choices(['postgres', 'sqlite']).makeOptionMandatory())
    .addHelpText(
      'after',
      `
The database is the one of STINT_DATABASE_URL, or of databaseUrl in config.yaml. Everything arrives, counted and compared, or nothing does;
what stays behind is marked as moved, and no Stint starts on it until it is moved back. The audit log, the keys and the policies stay in
the data directory. A destination that holds a state is refused.

Examples:
  $ STINT_DATABASE_URL=$(cat /run/secrets/stint-database) stint state move --to postgres
  $ stint state move --to sqlite                     with databaseUrl in config.yaml; remove it there afterwards`,
    )
    .action((options: { to: Place }) => move(context, options.to))
}

/** The code is loaded when it is needed: other commands start faster without. */
async function move({ env, home, output }: CommandContext, to: Place): Promise<void> {
  const [{ loadConfig }, { moveState }] = await Promise.all([import('../load-config.ts'), import('../../move-state.ts')])
  const tables = await moveState({
    ...{ config: loadConfig(env, home), to, now: Date.now },
    onProgress(name, rows, all) {
      if (all > STEP && (rows % STEP === 0 || rows === all)) output.say(`${name}: ${rows} of ${all}`)
    },
  })
  output.print({ to, tables }, () => `${listing(tables)}\n\n${NEXT[to]}`)
}

function listing(tables: readonly MovedTable[]): string {
  const rows = tables.map(({ table, rows, digest }) => [table, String(rows), digest.slice(0, DIGEST_SHOWN)])
  return table(['TABLE', 'ROWS', 'SHA-256'], rows, '')
}

const NEXT: Readonly<Record<Place, string>> = {
  postgres:
    'The state is in PostgreSQL; state.db is marked as moved. Next: set STINT_DATABASE_URL for each process, then stint start',
  sqlite: 'The state is in state.db; the one in PostgreSQL is marked as moved. Next: unset STINT_DATABASE_URL, then stint start',
}
