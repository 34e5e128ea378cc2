import { constants, copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'

/** Folders that a sandboxed command finds empty. */
const EMPTIED = ['/tmp/', '/var/tmp/', '/run/', '/mnt/', '/media/', '/home/', '/root/']
const VISIBLE = '/var/cache/stint-node'

/**
 * A Node that sandboxed commands can start as well. The tests and the demo use Node itself as their unmodified program; in a checkout
 * under /tmp it would not exist inside, so a copy is made where it does. Without the right to, the checkout has to lie elsewhere.
 */
export function visibleNode(): string {
  if (!EMPTIED.some((folder) => process.execPath.startsWith(folder))) return process.execPath
  const node = join(VISIBLE, process.version)
  if (existsSync(node)) return node
  try {
    mkdirSync(VISIBLE, { recursive: true, mode: 0o755 })
    copyFileSync(process.execPath, `${node}.${process.pid}`, constants.COPYFILE_FICLONE)
    renameSync(`${node}.${process.pid}`, node)
    return node
  } catch (thrown) {
    process.stderr.write(
      `Sandboxed programs cannot see ${process.execPath} (${thrown}); use a checkout outside /tmp and the home.\n`,
    )
    return process.execPath
  }
}
