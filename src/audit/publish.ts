import { dirname, join } from 'node:path'
import { type Signer, signCheckpoint } from './checkpoint.ts'
import { type Disk, replaceFile, writeFile } from './disk.ts'
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
  const known = new Set([directory])
  let before = published.map(tilePath)

  async function makeDurable(path: string): Promise<void> {
    if (known.has(path)) return
    await makeDurable(dirname(path))
    await disk.makeDirectory(path)
    await disk.syncDirectory(dirname(path))
    known.add(path)
  }

  async function place(resource: Resource, write: typeof writeFile): Promise<string> {
    const path = join(directory, tilePath(resource))
    await makeDurable(dirname(path))
    await write(disk, path, resource.chunks)
    return dirname(path)
  }

  /** Removes the partial tiles that the last checkpoint needed and this one does not. */
  async function tidy(now: readonly string[]): Promise<void> {
    const parents = new Set(now.map(dirname))
    for (const path of before.filter((one) => !now.includes(one))) {
      const isEmptied = !parents.has(dirname(path))
      const gone = join(directory, isEmptied ? dirname(path) : path)
      known.delete(gone)
      await disk.remove(gone)
    }
    before = now.slice()
  }

  return {
    async publish(snapshot) {
      const parents = new Set<string>()
      // No checkpoint covers these full ones yet, so nobody reads them before they are whole.
      for (const resource of snapshot.full) parents.add(await place(resource, writeFile))
      for (const resource of snapshot.partial) parents.add(await place(resource, replaceFile))
      for (const parent of parents) await disk.syncDirectory(parent)
      const note = signCheckpoint({ origin: signer.name, size: snapshot.size, root: snapshot.root }, signer)
      await replaceFile(disk, join(directory, CHECKPOINT), [Buffer.from(note)])
      await disk.syncDirectory(directory)
      await tidy(snapshot.partial.map(tilePath))
      return note
    },
  }
}
