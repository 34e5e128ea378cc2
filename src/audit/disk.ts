import * as fs from 'node:fs'

/** A file open for writing. */
export interface DiskFile {
  write(chunks: readonly Uint8Array[], position: number): Promise<void>
  /** fdatasync: what was written is durable when it resolves. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** The few file verbs the log writes with, so that tests can fail each of them. Reads use node:fs directly. */
export interface Disk {
  /** Makes or empties a file. With `syncOften` each write may sync by itself, in one trip to the thread pool rather than two. */
  create(path: string, how?: { readonly syncOften: boolean }): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  /** Removes a file, or a directory with all in it, if it is there. */
  remove(path: string): Promise<void>
  makeDirectory(path: string): Promise<void>
  /** fsync of a directory: renames and new names in it are durable when it resolves. */
  syncDirectory(path: string): Promise<void>
}

/** The real disk. What may wait for it runs on the thread pool. Files are readable by the owner only. */
export const realDisk: Disk = {
  async create(path, how) {
    const isSynced = how?.syncOften === true && process.platform === 'linux'
    const flags = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_TRUNC | (isSynced ? fs.constants.O_DSYNC : 0)
    const fd = await settled<number>((done) => fs.open(path, flags, 0o600, done))
    return {
      write: (chunks, position) => writeAll(fd, chunks, position),
      // open(2): with O_DSYNC each write returns as if fdatasync had followed it.
      sync: () => (isSynced ? Promise.resolve() : settled((done) => fs.fdatasync(fd, done))),
      // Nothing is left to write by then; a trip to the thread pool would cost more.
      close: async () => fs.closeSync(fd),
    }
  },
  rename: (from, to) => settled((done) => fs.rename(from, to, done)),
  remove: (path) => settled((done) => fs.rm(path, { force: true, recursive: true }, done)),
  makeDirectory: (path) => settled((done) => fs.mkdir(path, { recursive: true, mode: 0o700 }, (error) => done(error))),
  async syncDirectory(path) {
    const fd = await settled<number>((done) => fs.open(path, 'r', done))
    try {
      await settled<void>((done) => fs.fsync(fd, done))
    } finally {
      await settled<void>((done) => fs.close(fd, done))
    }
  },
}

function settled<T = void>(start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => start((error, value) => (error ? reject(error) : resolve(value as T))))
}

async function writeAll(fd: number, chunks: readonly Uint8Array[], position: number): Promise<void> {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  let done = await settled<number>((then) => fs.writev(fd, chunks, position, then))
  if (done === total) return
  const bytes = Buffer.concat(chunks)
  while (done < total) {
    done += await settled<number>((then) => fs.write(fd, bytes, done, total - done, position + done, then))
  }
}

/** Writes a file that nobody reads before this resolves; it is then durable, but for its name. */
export async function writeFile(disk: Disk, path: string, chunks: readonly Uint8Array[]): Promise<void> {
  const file = await disk.create(path, { syncOften: true })
  try {
    await file.write(chunks, 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Replaces a file as a whole: a reader, or a crash at any instant, sees the old content or the new, never a part. */
export async function replaceFile(disk: Disk, path: string, chunks: readonly Uint8Array[]): Promise<void> {
  await writeFile(disk, `${path}.tmp`, chunks)
  await disk.rename(`${path}.tmp`, path)
}
