import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Member, readTar, writeTar } from '../../src/backup/tar.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { code } from '../targets/fixture.ts'

interface File {
  readonly name: string
  readonly mode: number
  readonly bytes: Buffer
}

const FILES: readonly File[] = [
  { name: 'a', mode: 0o600, bytes: Buffer.from('first') },
  { name: 'empty', mode: 0o644, bytes: Buffer.alloc(0) },
  { name: 'block', mode: 0o600, bytes: randomBytes(512) },
  { name: `policies/${'deep/'.repeat(20)}${'n'.repeat(90)}.cedar`, mode: 0o600, bytes: randomBytes(70_001) },
]

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const held: Uint8Array[] = []
  for await (const chunk of chunks) held.push(chunk)
  return Buffer.concat(held)
}

function archiveOf(files: readonly File[]): Promise<Buffer> {
  return all(writeTar(each(files.map(({ name, mode, bytes }) => ({ name, mode, size: bytes.length, content: each([bytes]) })))))
}

async function read(archive: Buffer, chunkSize = 1000): Promise<File[]> {
  const chunks = Array.from({ length: Math.ceil(archive.length / chunkSize) }, (_, at) =>
    archive.subarray(at * chunkSize, (at + 1) * chunkSize),
  )
  const files: File[] = []
  for await (const { name, mode, content } of readTar(each(chunks))) files.push({ name, mode, bytes: await all(content) })
  return files
}

/** The archive of one file, its header changed and summed again. */
async function changed(change: (header: Buffer) => void): Promise<Buffer> {
  const archive = await archiveOf([{ name: 'file', mode: 0o600, bytes: Buffer.from('text') }])
  change(archive)
  const sum = archive.subarray(0, 512).reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0)
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return archive
}

describe('an archive', () => {
  test('is read as it was written, however it is cut into chunks', async () => {
    const archive = await archiveOf(FILES)
    for (const size of [13, 511, 512, 513, 1 << 20]) assert.deepEqual(await read(archive, size), FILES)
  })

  test('is what tar reads', async (t) => {
    const directory = await temporaryDirectory(t)
    execFileSync('tar', ['-xf', '-', '-C', directory], { input: await archiveOf(FILES) })
    for (const { name, bytes } of FILES) assert.deepEqual(readFileSync(join(directory, name)), bytes)
  })

  test('that tar wrote is read', async (t) => {
    const directory = await temporaryDirectory(t)
    execFileSync('tar', ['-xf', '-', '-C', directory], { input: await archiveOf(FILES) })
    const names = FILES.map(({ name }) => name)
    const archive = execFileSync('tar', ['--format=ustar', '-cf', '-', '-C', directory, ...names])
    assert.deepEqual(
      (await read(archive)).map(({ name, bytes }) => ({ name, bytes })),
      FILES.map(({ name, bytes }) => ({ name, bytes })),
    )
  })

  test('that ends early is refused, wherever it ends', async () => {
    const archive = await archiveOf(FILES.slice(0, 3))
    for (let length = 0; length < archive.length - 512; length += 100)
      await assert.rejects(read(archive.subarray(0, length)), code('backup_invalid', /ends early/), String(length))
  })

  test('with a name that climbs out, or leads to something hidden, is refused', async () => {
    for (const name of [
      '../x',
      'a/../../x',
      '/etc/passwd',
      'a//b',
      'a/',
      './a',
      '.ssh/key',
      'a/.git/config',
      'a\\b',
      'a\nb',
      '..',
    ])
      await assert.rejects(
        read(await archiveOf([{ name, mode: 0o600, bytes: Buffer.alloc(0) }])),
        code('backup_invalid', /name below/),
        name,
      )
  })

  test('of anything but plain files is refused', async () => {
    assert.equal((await read(await changed(() => undefined))).length, 1)
    for (const type of ['1', '2', '3', '4', '5', '6', '7', 'x', 'g', 'L', 'K', '\0'])
      await assert.rejects(read(await changed((header) => header.write(type, 156))), code('backup_invalid', /plain file/), type)
  })

  test('that was changed is refused', async () => {
    const archive = await archiveOf(FILES.slice(0, 1))
    const flipped = (at: number): Buffer => {
      const copy = Buffer.from(archive)
      copy[at] = (copy[at] ?? 0) ^ 1
      return copy
    }
    for (const at of [0, 100, 130, 150, 156, 257, 263, 400])
      await assert.rejects(read(flipped(at)), code('backup_invalid'), String(at))
    await assert.rejects(read(flipped(512 + 100)), code('backup_invalid', /followed by/))
    await assert.rejects(read(flipped(archive.length - 1)), code('backup_invalid', /follows its end/))
    for (const size of ['-0000000001', '00000000009', '0x000000010'])
      await assert.rejects(read(await changed((header) => header.write(size, 124))), code('backup_invalid'), size)
  })

  test('is not written of a file that changes its size, or whose name is too long', async () => {
    const lying = (size: number): Member => ({ name: 'a', mode: 0o600, size, content: each([Buffer.from('12345')]) })
    for (const size of [4, 6]) await assert.rejects(all(writeTar(each([lying(size)]))), code('state_unsafe', /changed/))
    for (const name of ['n'.repeat(101), `${'d'.repeat(156)}/n`, `${'a/'.repeat(200)}n`])
      await assert.rejects(archiveOf([{ name, mode: 0o600, bytes: Buffer.alloc(0) }]), code('state_unsafe', /too long/))
  })
})
