import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { prepareHome } from '../src/home.ts'

describe('the data directory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stint-home-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const unsafe = (why: RegExp) => ({ code: 'state_unsafe', message: why })

  test('is made for its owner, and used again', () => {
    const home = join(folder, 'a/b')
    prepareHome(home)
    prepareHome(home)
    assert.equal(statSync(home).mode & 0o777, 0o700)
  })

  test('that others can read, that is a file or a link, is refused in words', () => {
    const open = join(folder, 'open')
    prepareHome(open)
    chmodSync(open, 0o750)
    assert.throws(() => prepareHome(open), unsafe(/chmod 700/))
    const file = join(folder, 'file')
    writeFileSync(file, '')
    assert.throws(() => prepareHome(file), unsafe(/must be a directory/))
    const link = join(folder, 'link')
    symlinkSync(join(folder, 'elsewhere'), link)
    assert.throws(() => prepareHome(link), unsafe(/must be a directory/))
    assert.ok(!existsSync(join(folder, 'elsewhere')))
  })
})
