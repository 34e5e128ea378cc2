import { dirname, join } from 'node:path'
import { type Signer, signCheckpoint } from './checkpoint.ts'
import { type Disk, makeDurableDirectory, replaceFile } from './disk.ts'
import type { Resource, Snapshot } from './edge.ts'
import { type Tile, tilePath } from './tiles.ts'

/** The checkpoint's file name in the log's directory. */
export const CHECKPOINT = 'checkpoint'
/** The file that says whom to believe, in the log's directory and in exports. */
export const PUBLIC_KEY = 'public-key'

/** Writes snapshots of the tree as a static tlog-tiles directory. */
export interface Publisher {
  /** When it resolves, the tree of the snapshot and its signed checkpoint are durable. Returns the checkpoint. */
  publish(snapshot: Snapshot): Promise<string>
}

/**
 * A publisher of `directory`. `published` names the partial tiles that lie there already. One file at a time, so that the journal's
 * fdatasync finds a free thread and an idle disk. The checkpoint comes last: whoever reads it finds everything it needs.
 */
export function createPublisher(disk: Disk, directory: string, signer: Signer, published: readonly Tile[]): Publisher {
  const known = new Set<string>()
  let before: readonly Tile[] = published
  const place = async (resource: Resource): Promise<string> => {
    const path = join(directory, tilePath(resource))
    const parent = dirname(path)
    if (!known.has(parent)) await makeDurableDirectory(disk, directory, parent)
    known.add(parent)
    await replaceFile(disk, path, resource.chunks)
    return parent
  }
  return {
    async publish(snapshot) {
      const parents = new Set<string>()
      for (const resource of [...snapshot.full, ...snapshot.partial]) parents.add(await place(resource))
      for (const parent of parents) await disk.syncDirectory(parent)
      const note = signCheckpoint({ origin: signer.name, size: snapshot.size, root: snapshot.root }, signer)
      await replaceFile(disk, join(directory, CHECKPOINT), [Buffer.from(note)])
      await disk.syncDirectory(directory)
      const now = new Set(snapshot.partial.map(tilePath))
      for (const path of before.map(tilePath)) if (!now.has(path)) await disk.remove(join(directory, path))
      before = snapshot.partial
      return note
    },
  }
}
