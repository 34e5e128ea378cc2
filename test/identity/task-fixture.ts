import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTokens, type Tokens } from '../../src/identity/tokens.ts'
import type { Task } from '../../src/model.ts'
import type { Clock } from './fake-issuer.ts'

export const ISSUER = 'http://127.0.0.1:7400'
export const TASK_AUDIENCE = 'stint-gateway'
export const URL_1 = 'http://127.0.0.1:7401/.well-known/stint/attach'

/** Signing keys in a directory of their own. */
export async function openTestTokens(clock: Clock): Promise<{ tokens: Tokens; keyFile: string; remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'stint-tokens-'))
  const keyFile = join(directory, 'task-token-keys.json')
  const options = { issuer: ISSUER, audience: TASK_AUDIENCE, ttlSeconds: 300, skewSeconds: 30, now: clock.now }
  return { tokens: await openTokens(keyFile, options), keyFile, remove: () => rm(directory, { recursive: true }) }
}

/** A live task bound to this key, for 15 minutes. */
export function taskFor(keyThumbprint: string, clock: Clock): Task {
  return {
    id: 'task_1',
    purpose: 'fix issue 42',
    owner: 'ana@example.com',
    workload: 'spiffe://stint.local/local/ana',
    proof: 'process-tree',
    keyThumbprint,
    scope: { targets: ['github'], actions: ['*'] },
    labels: [],
    startedAt: clock.at,
    expiresAt: clock.at + 900_000,
    state: 'live',
    supervised: true,
  }
}
