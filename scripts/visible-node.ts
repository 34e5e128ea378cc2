import { constants, copyFileSync, existsSync, mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'

/** Folders that a sandboxed command finds empty. */
const EMPTIED = ['/tmp/', '/run/', '/mnt/', '/media/', '/home/', '/root/']

/**
 * A Node that sandboxed commands can start as well. The tests and the demo use Node itself as their unmodified program; in a checkout
 * under /tmp it would not exist inside, so a copy is made where it does.
 */
export function visibleNode(): string {
  if (!EMPTIED.some((folder) => process.execPath.startsWith(folder))) return process.execPath
  const directory = `/var/tmp/stint-node-${process.getuid?.() ?? 0}`
  const node = join(directory, process.version)
  if (existsSync(node)) return node
  mkdirSync(directory, { recursive: true, mode: 0o755 })
  copyFileSync(process.execPath, `${node}.${process.pid}`, constants.COPYFILE_FICLONE)
  renameSync(`${node}.${process.pid}`, node)
  return node
}
