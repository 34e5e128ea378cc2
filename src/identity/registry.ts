import { StintError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import type { IssuerConfig } from './issuer.ts'
import { parseIssuerConfig } from './issuer-config.ts'

/** The configured issuers, in memory. */
export interface Issuers {
  /** Throws `invalid_argument`, or `conflict` where the id or the issuer is there already. */
  add(input: unknown): Promise<IssuerConfig>
  /** Throws `not_found`. */
  remove(id: string): Promise<void>
  /** By id. */
  list(): readonly IssuerConfig[]
  /** Character by character. */
  byIssuer(issuer: string): IssuerConfig | undefined
}

/** The issuers in the store, followed as they change. Throws `invalid_config` for a stored one that no longer makes sense. */
export async function createIssuers(store: Store): Promise<Issuers> {
  let byId = new Map<string, IssuerConfig>()
  store.watch('issuer', load)
  await load()
  return { add, remove, list, byIssuer }

  async function load(): Promise<void> {
    const rows = await store.db.selectFrom('issuers').selectAll().orderBy('id').execute()
    byId = new Map(rows.map(({ id, config_json }) => [id, readStored(id, config_json)]))
  }

  async function add(input: unknown): Promise<IssuerConfig> {
    const config = parseIssuerConfig(input)
    const { id, kind, issuer } = config
    await store.write(async (tx, changed) => {
      const taken = await tx
        .selectFrom('issuers')
        .select(['id', 'issuer'])
        .where((where) => where.or([where('id', '=', id), where('issuer', '=', issuer)]))
        .executeTakeFirst()
      if (taken !== undefined)
        throw new StintError('conflict', `issuer ${taken.id} (${taken.issuer}) is there already; remove it first`)
      await tx
        .insertInto('issuers')
        .values({ id, kind, issuer, config_json: JSON.stringify(config) })
        .execute()
      changed('issuer', id)
    })
    return config
  }

  async function remove(id: string): Promise<void> {
    await store.write(async (tx, changed) => {
      const gone = await tx.deleteFrom('issuers').where('id', '=', id).executeTakeFirst()
      if (gone.numDeletedRows === 0n) throw new StintError('not_found', `there is no issuer ${id}`)
      changed('issuer', id)
    })
  }

  function list(): readonly IssuerConfig[] {
    return [...byId.values()]
  }

  function byIssuer(issuer: string): IssuerConfig | undefined {
    return list().find((config) => config.issuer === issuer)
  }
}

function readStored(id: string, json: string): IssuerConfig {
  try {
    return parseIssuerConfig(JSON.parse(json))
  } catch (cause) {
    const why = cause instanceof StintError ? cause.detail : 'it is not JSON'
    throw new StintError('invalid_config', `the stored issuer ${id} is not valid: ${why}`, { cause })
  }
}
