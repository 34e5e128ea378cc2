import { StintError } from '../../errors.ts'
import { MysqlRefusal, type Query } from './mysql-session.ts'

const NO_SUCH_THREAD = 1094
const MAX_ROUNDS = 50

/**
 * Kills every session of a user that was dropped, which leaves them open, and looks until there is none. Throws MysqlRefusal where the
 * sessions of others cannot be seen or killed, `upstream_failed` where they stay.
 */
export async function closeSessions(user: string, query: Query): Promise<void> {
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const open = await findSessions(user, query)
    if (open.length === 0) return
    for (const id of open) await kill(id, query)
  }
  throw new StintError('upstream_failed', 'sessions of a dropped user are still open')
}

/** Who lacks PROCESS is shown no session of others; asking for all transactions needs PROCESS as well, and is refused then. */
async function findSessions(user: string, query: Query): Promise<readonly number[]> {
  await query('SELECT COUNT(*) FROM information_schema.innodb_trx')
  const rows = await query('SELECT id FROM information_schema.processlist WHERE user = ?', user)
  return rows.map(([id]) => {
    if (typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return id
    throw new StintError('upstream_failed', 'the server lists a session without a number')
  })
}

async function kill(id: number, query: Query): Promise<void> {
  try {
    await query(`KILL CONNECTION ${id}`)
  } catch (thrown) {
    if (!(thrown instanceof MysqlRefusal) || thrown.number !== NO_SUCH_THREAD) throw thrown
  }
}
