import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Checkpoint, openCheckpoint, type Verifier } from './checkpoint.ts'
import { type Edge, hashLeaves, openEdge } from './edge.ts'
import { tampered } from './error.ts'
import { type Batch, journalGeneration, journalName, readJournal } from './journal.ts'
import { CHECKPOINT } from './publish.ts'
import { HASH_BYTES, splitBundle, TILE_WIDTH, tilePath } from './tiles.ts'

/** What a directory holds when the log is opened. */
export interface Recovered {
  readonly edge: Edge
  readonly checkpoint: { readonly note: string; readonly size: number } | undefined
  /** The highest journal generation in use; 0 for a new log. */
  readonly generation: number
  /** Bytes of an unfinished last write, to be dropped. */
  readonly tornBytes: number
}

/**
 * Reads the log's right edge: the journal, the tiles left of it, and the checkpoint that they must extend. Throws `audit_tampered`
 * with the place for everything that a crash of the log itself cannot leave behind. Reads a few hundred files at most, however long
 * the log: `verifyDirectory` looks at all of it.
 */
export function recover(directory: string, verifier: Verifier): Recovered {
  const names = readdirSync(directory)
  const note = names.includes(CHECKPOINT) ? readFileSync(join(directory, CHECKPOINT), 'utf8') : undefined
  const checkpoint = note === undefined ? undefined : openCheckpoint(note, verifier)
  const generation = Math.max(0, ...names.map((name) => journalGeneration(name) ?? 0))
  if (generation === 0 && (checkpoint !== undefined || names.includes('tile')))
    throw tampered('journal', 'the journal is missing')
  const name = journalName(generation)
  const { batches, tornBytes } = generation === 0 ? NOTHING : readJournal(readFileSync(join(directory, name)), name)
  const first = batches[0]?.first ?? 0
  if (first % TILE_WIDTH !== 0) throw tampered(name, `it begins inside a bundle, at entry ${first}`)
  if (first > (checkpoint?.size ?? 0)) throw tampered(CHECKPOINT, `it is older than the journal, which begins at entry ${first}`)
  const edge = openEdge(first, (level, index) => readFullTile(directory, level, index))
  replay(directory, edge, batches, checkpoint)
  return {
    edge,
    checkpoint: checkpoint && note !== undefined ? { note, size: checkpoint.size } : undefined,
    generation,
    tornBytes,
  }
}

const NOTHING = { batches: [], tornBytes: 0 }

function replay(directory: string, edge: Edge, batches: readonly Batch[], checkpoint: Checkpoint | undefined): void {
  let open = checkpoint
  if (open?.size === edge.size()) open = compare(directory, edge, open)
  for (const { body, count } of batches) {
    const spans = splitBundle(body, count, 'journal')
    const leaves = hashLeaves(body, spans)
    const split = open === undefined ? count : Math.min(count, open.size - edge.size())
    edge.add(body, spans.subarray(0, split * 2), leaves)
    if (open?.size === edge.size()) open = compare(directory, edge, open)
    edge.add(body, spans.subarray(split * 2), leaves.subarray(split * HASH_BYTES))
  }
  if (open !== undefined) {
    throw tampered('journal', `the checkpoint covers ${open.size} entries and only ${edge.size()} are there`)
  }
}

/** The edge stands where the checkpoint was signed: root and published files must be what they were. Full ones need not be held. */
function compare(directory: string, edge: Edge, checkpoint: Checkpoint): undefined {
  const snapshot = edge.snapshot()
  const { root, full, partial } = snapshot
  if (!root.equals(checkpoint.root)) throw tampered(CHECKPOINT, `the ${checkpoint.size} entries it covers have another root`)
  for (const resource of [...full, ...partial]) {
    const path = tilePath(resource)
    if (!readOr(join(directory, path), path).equals(Buffer.concat(resource.chunks))) {
      throw tampered(path, 'it differs from the journal')
    }
  }
  edge.release(snapshot)
}

function readFullTile(directory: string, level: number, index: number): Buffer {
  const path = tilePath({ level, index, width: TILE_WIDTH })
  const bytes = readOr(join(directory, path), path)
  if (bytes.length !== TILE_WIDTH * HASH_BYTES) throw tampered(path, `a full tile has ${bytes.length} bytes`)
  return bytes
}

function readOr(file: string, place: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    throw tampered(place, 'it cannot be read')
  }
}
