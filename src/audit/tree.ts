import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Checkpoint, openCheckpoint, parseVerifier, type Verifier } from './checkpoint.ts'
import { AuditError, tampered } from './error.ts'
import type { ReadTile } from './proofs.ts'
import { CHECKPOINT, PUBLIC_KEY } from './publish.ts'
import { partialTiles, type Tile, tilePath } from './tiles.ts'

/** A static tlog-tiles directory as of its checkpoint. Full tiles never change; the partial ones were read when it was opened. */
export interface StaticTree {
  readonly directory: string
  readonly verifier: Verifier
  readonly note: string
  readonly checkpoint: Checkpoint
  /** The bytes of a resource. Throws `audit_tampered` when it is missing. */
  read(tile: Tile): Buffer
  readonly readTile: ReadTile
}

/** Reads the verifier line of a directory's `public-key` file, or of any other file. Throws `audit_tampered`. */
export function readVerifier(file: string): Verifier {
  return parseVerifier(readText(file, file))
}

/** Opens a directory to read it; a running log may go on publishing into it. Throws `audit_tampered`. */
export function openTree(directory: string, verifier = readVerifier(join(directory, PUBLIC_KEY))): StaticTree {
  for (let tries = 0; ; tries++) {
    const note = readText(join(directory, CHECKPOINT), CHECKPOINT)
    const checkpoint = openCheckpoint(note, verifier)
    try {
      const partial = new Map(partialTiles(checkpoint.size).map((tile) => [tilePath(tile), readTile(directory, tile)]))
      const read = (tile: Tile) => partial.get(tilePath(tile)) ?? readTile(directory, tile)
      return { directory, verifier, note, checkpoint, read, readTile: async (tile) => read(tile) }
    } catch (error) {
      // A newer checkpoint replaces the partial tiles of this one.
      const moved = readText(join(directory, CHECKPOINT), CHECKPOINT) !== note
      if (!(error instanceof AuditError) || !moved || tries === 10) throw error
    }
  }
}

function readTile(directory: string, tile: Tile): Buffer {
  const path = tilePath(tile)
  try {
    return readFileSync(join(directory, path))
  } catch {
    throw tampered(path, 'it cannot be read')
  }
}

function readText(file: string, place: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw tampered(place, 'it cannot be read')
  }
}
