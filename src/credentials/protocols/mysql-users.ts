import type { Identity } from '../minting.ts'
import { MysqlRefusal, type Query } from './mysql-session.ts'

const NO_SUCH_COLUMN = 1054

/** Every user, by its name and where from. MySQL knows locked users there, and MariaDB roles, which nobody logs in as. */
export async function describeUsers(query: Query): Promise<readonly Identity[]> {
  const rows = await listUsers('account_locked', query).catch((thrown: unknown) => {
    if (thrown instanceof MysqlRefusal && thrown.number === NO_SUCH_COLUMN) return listUsers('is_role', query)
    throw thrown
  })
  return rows.map(([user, host, isShut, isExpired, ...powers]) => ({
    ...{ kind: 'account', id: `${user}@${host}`, access: powers.includes('Y') ? 'admin' : 'limited' },
    isUsable: isShut !== 'Y' && isExpired !== 'Y',
  }))
}

function listUsers(shut: 'account_locked' | 'is_role', query: Query): ReturnType<Query> {
  return query(`SELECT user, host, ${shut}, password_expired, Super_priv, Create_user_priv, Grant_priv FROM mysql.user`)
}
