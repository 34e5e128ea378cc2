import { StintError } from '../../errors.ts'
import type { HttpAnswer, Identity } from '../minting.ts'
import { checkCount, MAX_IDENTITIES, readTimes } from './identities.ts'
import { memberOf } from './kubernetes-objects.ts'
import { failure, readObject } from './provider-answer.ts'

const KUBERNETES = 'Kubernetes'
const PAGE = '500'

/** Lists a namespace’s service accounts with these parameters, as who may. */
export type AskAccounts = (query: URLSearchParams) => Promise<HttpAnswer>

/**
 * The service accounts of a namespace, at most so many; whether these are all. What they are is attacker-controlled. Pages are chained
 * (Kubernetes Docs, "Retrieving large results sets in chunks"): one without anything counts as well. Throws `upstream_failed`.
 */
export async function listAccounts(
  ask: AskAccounts,
  { most, labelSelector }: { readonly most: number; readonly labelSelector?: string },
): Promise<{ readonly accounts: readonly unknown[]; readonly isAll: boolean }> {
  const accounts: unknown[] = []
  let next = ''
  for (let left = most; left > 0; ) {
    const query = { ...(labelSelector !== undefined && { labelSelector }), limit: PAGE, ...(next !== '' && { continue: next }) }
    const answer = await ask(new URLSearchParams(query))
    if (answer.status !== 200) throw failure(answer, KUBERNETES)
    const { items, ...list } = readObject(answer, KUBERNETES)
    const { continue: token = '' } = memberOf(list, 'metadata')
    if (!Array.isArray(items) || typeof token !== 'string') throw failure(answer, KUBERNETES)
    accounts.push(...items)
    if (token === '') return { accounts, isAll: true }
    next = token
    left -= Math.max(items.length, 1)
  }
  return { accounts, isAll: false }
}

/** What they may do is in roles of every namespace and of the cluster, and told by no single answer. */
export async function describeAccounts(ask: AskAccounts): Promise<readonly Identity[]> {
  const { accounts, isAll } = await listAccounts(ask, { most: MAX_IDENTITIES })
  checkCount(isAll ? accounts.length : Infinity, KUBERNETES)
  return accounts.map((account) => {
    const { name, creationTimestamp, deletionTimestamp } = memberOf(memberOf({ account }, 'account'), 'metadata')
    if (typeof name !== 'string')
      throw new StintError('upstream_failed', 'Kubernetes lists something that is not a service account')
    const isUsable = (deletionTimestamp ?? null) === null // what is being deleted has no valid tokens
    return { kind: 'account', id: name, access: 'unknown', isUsable, ...readTimes({ createdAt: creationTimestamp }, KUBERNETES) }
  })
}
