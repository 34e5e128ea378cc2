import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readSettledFiles } from '../../src/backup/durable-files.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { code } from '../targets/fixture.ts'

const nothing = async (): Promise<void> => undefined
const textsOf = (files: readonly { name: string; bytes: Buffer }[]) => files.map(({ name, bytes }) => `${name}=${bytes}`)

describe('the files of a data directory', () => {
  test('are read with what was copied between two equal readings of them', async (t) => {
    const directory = await temporaryDirectory(t)
    const key = join(directory, 'vault.key')
    writeFileSync(key, 'old')
    const copied: string[] = []
    const changes = [() => writeFileSync(key, 'old and new'), () => writeFileSync(key, 'new'), () => undefined]
    const files = await readSettledFiles(directory, new Set(), async () => {
      changes.shift()?.()
      copied.push('copied')
    })
    assert.deepEqual(textsOf(files), ['vault.key=new'])
    assert.equal(copied.length, 3)
  })

  test('count as changed when one comes or goes', async (t) => {
    const directory = await temporaryDirectory(t)
    const other = join(directory, 'other')
    const changes = [() => writeFileSync(other, ''), () => rmSync(other), () => undefined]
    assert.deepEqual(await readSettledFiles(directory, new Set(), async () => changes.shift()?.()), [])
    assert.equal(changes.length, 0)
  })

  test('that keep changing are given up', async (t) => {
    const directory = await temporaryDirectory(t)
    let number = 0
    const change = async () => writeFileSync(join(directory, 'busy'), String(number++))
    await assert.rejects(readSettledFiles(directory, new Set(), change), code('state_unsafe', /keep changing/))
  })

  test('are those a restored Stint needs: links by what they lead to, nothing hidden, no draft, no socket', async (t) => {
    const directory = await temporaryDirectory(t)
    mkdirSync(join(directory, 'policies', 'deep'), { recursive: true })
    mkdirSync(join(directory, '.git'))
    for (const name of ['a', 'policies/deep/b', '.git/c', '.d', 'audit', 'a.01234567-89ab-cdef-0123-456789abcdef'])
      writeFileSync(join(directory, name), name)
    symlinkSync(join(directory, 'a'), join(directory, 'link'))
    const server = createServer().listen(join(directory, 'operator.sock'))
    t.after(() => server.close())
    const files = await readSettledFiles(directory, new Set(['audit']), nothing)
    assert.deepEqual(textsOf(files), ['a=a', 'link=a', 'policies/deep/b=policies/deep/b'])
  })

  test('of which one is too large or cannot be read are refused', async (t) => {
    const directory = await temporaryDirectory(t)
    const path = join(directory, 'large')
    writeFileSync(path, '')
    truncateSync(path, (16 << 20) + 1)
    await assert.rejects(readSettledFiles(directory, new Set(), nothing), code('state_unsafe', /too large/))
    rmSync(path)
    symlinkSync(join(directory, 'nowhere'), path)
    await assert.rejects(readSettledFiles(directory, new Set(), nothing), code('state_unsafe', /cannot be read/))
  })
})
