import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { PART_BYTES } from './batch.ts'
import type { FileWork } from './job.ts'
import type { PathSink } from './path-sink.ts'

/** Reads files in parts, taking one after the other as long as there are any. What cannot be read is skipped. */
export async function scanFiles({ root, paths, next }: FileWork, sink: PathSink): Promise<void> {
  const counter = new Int32Array(next)
  const buffer = Buffer.allocUnsafe(PART_BYTES)
  for (let path = paths[Atomics.add(counter, 0, 1)]; path !== undefined; path = paths[Atomics.add(counter, 0, 1)]) {
    await scanFile(join(root, path), path, buffer, sink).catch((thrown: unknown) =>
      sink.skipped({ what: path as string, why: whyOf(thrown) }),
    )
    sink.read(1, 0)
  }
}

/** A link or a device is not opened: whoever can put it there could make the scan read anything, or wait for ever. */
async function scanFile(file: string, path: string, buffer: Buffer, sink: PathSink): Promise<void> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  if (!(await handle.stat()).isFile()) return sink.skipped({ what: path, why: 'it is not a file' })
  const content = sink.open(path)
  for (;;) {
    const part = buffer.subarray(0, await fill(handle, buffer))
    sink.read(0, part.length)
    if (part.length < buffer.length) return sink.found(path, content.end(part))
    sink.found(path, content.feed(part))
  }
}

/** Reads until the buffer is full or the file ends. */
async function fill(handle: FileHandle, buffer: Buffer): Promise<number> {
  for (let length = 0; ; ) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length)
    length += bytesRead
    if (bytesRead === 0 || length === buffer.length) return length
  }
}

function whyOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  if ('code' in thrown && thrown.code === 'ELOOP') return 'it is a symbolic link'
  return 'code' in thrown ? String(thrown.code) : thrown.message
}
