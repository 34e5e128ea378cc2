import assert from 'node:assert/strict'
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readOrCreatePrivate } from '../src/private-file.ts'
import { withCode } from './identity/fake-issuer.ts'

let directory = ''
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'stint-key-'))
})
after(() => rm(directory, { recursive: true }))

const never = (): Promise<string> => assert.fail('nothing may be made')

describe('a private file', () => {
  test('it is made once, for its owner alone, and read from then on', async () => {
    const path = join(directory, 'made')
    assert.equal(await readOrCreatePrivate(path, async () => 'first'), 'first')
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal(await readOrCreatePrivate(path, never), 'first')
    assert.deepEqual(
      (await readdir(directory)).filter((name) => name.startsWith('made.')),
      [],
    )
  })

  test('its mode does not depend on the umask', async () => {
    const before = process.umask(0)
    try {
      await readOrCreatePrivate(join(directory, 'umask'), async () => 'x')
    } finally {
      process.umask(before)
    }
    assert.equal((await stat(join(directory, 'umask'))).mode & 0o777, 0o600)
  })

  test('of many who make it at once all read the same', async () => {
    const path = join(directory, 'raced')
    const texts = await Promise.all(Array.from({ length: 20 }, (_, i) => readOrCreatePrivate(path, async () => `text ${i}`)))
    assert.deepEqual(new Set(texts), new Set([await readFile(path, 'utf8')]))
  })

  for (const mode of [0o644, 0o640, 0o660, 0o604, 0o601]) {
    test(`mode ${mode.toString(8)} is refused`, async () => {
      const path = join(directory, `mode-${mode}`)
      await writeFile(path, 'x')
      await chmod(path, mode)
      await assert.rejects(readOrCreatePrivate(path, never), withCode('state_unsafe'))
    })
  }

  test('a symbolic link is refused, also one to a good file and one to nothing', async () => {
    const good = join(directory, 'good')
    await readOrCreatePrivate(good, async () => 'x')
    for (const [name, to] of [
      ['link', good],
      ['dangling', join(directory, 'nothing')],
    ] as const) {
      await symlink(to, join(directory, name))
      await assert.rejects(readOrCreatePrivate(join(directory, name), never), withCode('state_unsafe'))
    }
  })

  test('a directory, an enormous file and a missing directory are refused', async () => {
    await assert.rejects(readOrCreatePrivate(directory, never), withCode('state_unsafe'))
    await writeFile(join(directory, 'huge'), 'x'.repeat(100_000), { mode: 0o600 })
    await assert.rejects(readOrCreatePrivate(join(directory, 'huge'), never), withCode('state_unsafe'))
    await assert.rejects(
      readOrCreatePrivate(join(directory, 'no', 'where'), async () => 'x'),
      withCode('state_unsafe'),
    )
  })
})
