import { generateKeyPairSync, hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { Signer } from '../../src/audit/checkpoint.ts'
import { type Log, type LogOptions, openLog } from '../../src/audit/log.ts'
import type { Decidable } from '../../src/audit/record.ts'
import { systemEntry } from '../../src/audit/spell.ts'
import { splitBundle, TILE_WIDTH, tileWidth } from '../../src/audit/tiles.ts'

export const NOW = Date.UTC(2026, 10, 22, 8, 0, 0)
export const SIGNER: Signer = { name: 'stint.test/audit', privateKey: generateKeyPairSync('ed25519').privateKey }

const made: string[] = []
after(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true })
})

/** An empty directory that goes when the test file ends. */
export function freshDirectory(under = tmpdir()): string {
  const directory = mkdtempSync(join(under, 'stint-audit-'))
  made.push(directory)
  return directory
}

/** A log that publishes only when told to. */
export function openTestLog(directory: string, more: Partial<LogOptions> = {}): Promise<Log> {
  return openLog(directory, { signer: SIGNER, now: () => NOW, checkpointMs: 3_600_000, ...more })
}

/** A valid entry that tells itself apart from others. */
export function note(number: number | string): string {
  return systemEntry(NOW, 'note', `number ${number}`)
}

/** Appends `count` notes, numbered from the log's size on. */
export async function appendNotes(log: Log, count: number): Promise<void> {
  const from = log.size()
  await Promise.all(Array.from({ length: count }, (_, i) => log.append(note(from + i))))
}

/** Every entry of a log, as text. */
export async function textsOf(log: Log): Promise<string[]> {
  const texts: string[] = []
  for (let index = 0; index * TILE_WIDTH < log.size(); index++) {
    const bundle = await log.bundle(index)
    const spans = splitBundle(bundle, tileWidth('entries', index, log.size()), `bundle ${index}`)
    for (let i = 0; i < spans.length; i += 2) texts.push(bundle.toString('utf8', spans[i], spans[i + 1]))
  }
  return texts
}

/** A decision as the broker makes them. */
export function decided(more: Partial<Decidable> & { effect?: 'allow' | 'deny' | 'needs-approval' } = {}): Decidable {
  const { effect = 'allow', ...rest } = more
  return {
    correlationId: 'req_0001',
    caller: { id: 'spiffe://stint.test/run/agent', proof: 'sandbox', issuer: 'stint', actors: [] },
    task: { id: 'task_01', owner: 'ada@example.com' },
    target: { id: 'github-acme' },
    action: { id: 'github:PullRequest::read', access: 'read', resource: 'repos/acme/app/pulls/7' },
    request: { risk: { score: 10, reasons: ['+10 internal data'] } },
    decision: {
      effect,
      code: 'allowed',
      policies: ['reads'],
      policySetHash: 'ab'.repeat(32),
      reasons: ['reads on the task’s targets are allowed'],
    },
    ...rest,
  }
}

/** Names a request, as policy/digest.ts does in the product. */
export const digest = (request: unknown): string => hash('sha256', JSON.stringify(request), 'hex')
