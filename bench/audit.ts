import { generateKeyPairSync, hash } from 'node:crypto'
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, write } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openLog } from '../src/audit/log.ts'
import { createRecorder, type Decidable } from '../src/audit/record.ts'
import { verifyDirectory } from '../src/audit/verify.ts'
import { type Row, tableOf } from './row.ts'

const WAITING = 64
const ENTRIES = 400_000
const now = Date.now
const digest = (request: unknown): string => hash('sha256', JSON.stringify(request), 'hex')

const DECIDED: Decidable = {
  correlationId: '01JD8Q5W0R9K3T7V2X4Z6B8D0F',
  caller: { id: 'spiffe://stint.local/run/coding-agent', proof: 'sandbox', issuer: 'stint', actors: [] },
  task: { id: 'task_01JD8Q5W0R9K3T7V2X4Z6B8D0F', owner: 'ada@example.com' },
  target: { id: 'github-acme' },
  action: { id: 'github:PullRequest::read', access: 'read', resource: 'repos/acme/app/pulls/7' },
  request: { risk: { score: 10, reasons: ['+10 internal data'] } },
  decision: {
    effect: 'allow',
    code: 'allowed',
    policies: ['reads'],
    policySetHash: 'ab'.repeat(32),
    reasons: ["Reads on a target in the task's scope are allowed."],
  },
}

/** Appending and verifying, each beside the bare system calls it cannot do without, in the same run. */
export async function bench(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'stint-bench-'))
  try {
    const entry = await oneEntry()
    const bareWrite = await bareWrites(join(directory, 'bare'), Buffer.byteLength(entry))
    const log = await openLog(join(directory, 'log'), { signer: SIGNER, now })
    const appended = await perSecond(ENTRIES, () => log.append(entry))
    await log.checkpoint()
    const recorder = createRecorder(log, { now, digest })
    const recorded = await perSecond(ENTRIES / 4, () => recorder.record(DECIDED))
    const written = log.size()
    await log.close()
    const bareHash = bareHashes(Buffer.from(entry))
    const started = now()
    const result = await verifyDirectory(join(directory, 'log'))
    if (!result.ok || result.size !== written) throw new Error(`the log does not verify: ${JSON.stringify(result)}`)
    const verified = (written * 1000) / (now() - started)
    return [
      row('bare write and fdatasync, 64 at a time', bareWrite, 0),
      row('audit append, durable, 64 waiting', appended, 80_000),
      row('audit record (decision to Permit), 64 waiting', recorded, 0),
      row('bare SHA-256 of an entry', bareHash, 0),
      row('audit verify', verified, 400_000),
    ]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const SIGNER = { name: 'stint.local/bench', privateKey: generateKeyPairSync('ed25519').privateKey }

function row(name: string, value: number, bar: number): Row {
  return {
    name,
    value,
    unit: 'entries/s',
    bar: bar === 0 ? 'for comparison' : `≥ ${bar.toLocaleString('en')}`,
    holds: value >= bar,
  }
}

async function oneEntry(): Promise<string> {
  let entry = ''
  const log = {
    async append(text: string) {
      entry = text
      return 0
    },
  }
  await createRecorder(log, { now, digest }).record(DECIDED)
  return entry
}

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  let left = count
  const worker = async () => {
    while (left-- > 0) await work()
  }
  await Promise.all(Array.from({ length: WAITING }, worker))
  return (count * 1000) / (performance.now() - started)
}

/** What the disk gives: batches of 64 entries, written and synced one after the other. */
async function bareWrites(path: string, entryBytes: number): Promise<number> {
  const [put, sync] = [promisify(write), promisify(fdatasync)]
  const batch = Buffer.alloc(entryBytes * WAITING, 1)
  const fd = openSync(path, 'w')
  const started = performance.now()
  const batches = 1000
  for (let i = 0; i < batches; i++) {
    await put(fd, batch, 0, batch.length, i * batch.length)
    await sync(fd)
  }
  closeSync(fd)
  return (batches * WAITING * 1000) / (performance.now() - started)
}

function bareHashes(entry: Buffer): number {
  const count = 300_000
  const started = performance.now()
  for (let i = 0; i < count; i++) hash('sha256', entry, 'hex')
  return (count * 1000) / (performance.now() - started)
}

if (import.meta.main) process.stdout.write(`${tableOf(await bench())}\n`)
