import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatVerifier, type Signer, verifierOf } from './checkpoint.ts'
import { type Disk, realDisk } from './disk.ts'
import type { Edge } from './edge.ts'
import { AuditError, tampered } from './error.ts'
import { lockDirectory } from './lock.ts'
import { createPublisher, PUBLIC_KEY } from './publish.ts'
import { recover } from './recover.ts'
import { systemEntry } from './spell.ts'
import { partialTiles, TILE_WIDTH, tilePath, tileWidth } from './tiles.ts'
import { type Counters, createWriter } from './writer.ts'

export interface LogOptions {
  /** The checkpoint's origin and key name, and the Ed25519 key that signs it. */
  readonly signer: Signer
  /** Epoch milliseconds, for the log's own `system` entries. */
  now(): number
  /** Longest time that a durable entry waits for a signed checkpoint; 1000 unless given. */
  readonly checkpointMs?: number
  /** Called with every failure to write, for the operator's log. */
  onFailure?(error: unknown): void
  /** Called with the time each write of waiting entries took to become durable. */
  onWritten?(seconds: number): void
  readonly disk?: Disk
}

/** The append-only log of one data directory. */
export interface Log {
  /** The verifier key (C2SP signed-note): whom to believe, in one line. */
  readonly publicKey: string
  /**
   * Adds one entry (canonical JSON) and resolves to its index once it is durable. Rejects with `audit_unavailable`: the caller must
   * then act as if the entry were not there, though after a crash it may be.
   */
  append(entry: string): Promise<number>
  /** Adds one entry without anyone waiting. It keeps its place and is written when the log can be, however often that fails first. */
  appendLater(entry: string): void
  /** Durable entries. */
  size(): number
  /** The bytes of entry bundle `index` as far as they are durable. Throws `audit_tampered` when a file is gone. */
  bundle(index: number): Promise<Buffer>
  /** Resolves to true when there are more than `size` entries, to false when the log has closed. */
  grown(size: number): Promise<boolean>
  /** Signs and publishes the tree as it is now; resolves to the checkpoint. Rejects with `audit_unavailable`. */
  checkpoint(): Promise<string>
  /** For /readyz. */
  status(): 'ok' | 'unavailable'
  /** For /metrics. */
  counters(): Counters
  /** Writes what waits, signs a last checkpoint and lets go. Rejects with `audit_unavailable` when entries could not be written. */
  close(): Promise<void>
}

/**
 * Opens the log in `directory`, making it when there is none. Repairs a torn last write and says so in the log. Throws
 * `audit_tampered` for any other damage, `audit_unavailable` when it is open already. A disk that cannot be written gives a log whose
 * status is `unavailable` until it can.
 */
export async function openLog(directory: string, options: LogOptions): Promise<Log> {
  const disk = options.disk ?? realDisk
  const verifier = verifierOf(options.signer)
  await disk.makeDirectory(directory).catch(refuse)
  const unlock = lockDirectory(directory)
  try {
    const { edge, checkpoint, generation, tornBytes } = recover(directory, verifier)
    const publicKey = formatVerifier(verifier)
    keepPublicKey(join(directory, PUBLIC_KEY), `${publicKey}\n`)
    const published = partialTiles(checkpoint?.size ?? 0)
    const writer = createWriter({
      disk,
      directory,
      edge,
      publisher: createPublisher(disk, directory, options.signer, published),
      generation,
      published: checkpoint,
      now: options.now,
      checkpointMs: options.checkpointMs ?? 1000,
      onFailure: options.onFailure ?? (() => undefined),
      onWritten: options.onWritten ?? (() => undefined),
    })
    await writer.begin()
    if (tornBytes > 0) {
      const detail = `an unfinished write of ${tornBytes} bytes after entry ${edge.size() - 1} was dropped`
      writer.appendLater(systemEntry(options.now(), 'torn_write_repaired', detail))
    }
    return {
      ...writer,
      publicKey,
      bundle: (index) => readBundle(directory, edge, index),
      close: () => writer.close().finally(unlock),
    }
  } catch (error) {
    unlock()
    return refuse(error)
  }
}

function refuse(error: unknown): never {
  if (error instanceof AuditError) throw error
  throw new AuditError('audit_unavailable', 'the log cannot be opened', { cause: error })
}

function keepPublicKey(path: string, line: string): void {
  if (!existsSync(path)) writeFileSync(path, line, { mode: 0o644 })
  else if (readFileSync(path, 'utf8') !== line) throw tampered(PUBLIC_KEY, 'it is not the key this log is signed with')
}

async function readBundle(directory: string, edge: Edge, index: number): Promise<Buffer> {
  const held = edge.bundle(index)
  if (held !== undefined) return held
  if (tileWidth('entries', index, edge.size()) === 0) return Buffer.alloc(0)
  const path = tilePath({ level: 'entries', index, width: TILE_WIDTH })
  return readFile(join(directory, path)).catch(() => {
    throw tampered(path, 'it cannot be read')
  })
}
