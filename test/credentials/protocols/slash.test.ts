import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createSlashFinder } from '../../../src/credentials/protocols/slash.ts'
import { code } from '../../targets/fixture.ts'

const find = createSlashFinder(['/p/{project}/**', '/p/*/files/{file}', '/{package}'])

describe('the segment with an escaped slash', () => {
  for (const [path, name, text] of [
    ['/p/a%2Fb', 'project', 'a/b'],
    ['/p/a%2Fb/issues/7', 'project', 'a/b'],
    ['/p/a%2Fb%2Fc%20d%C3%A9', 'project', 'a/b/c dé'],
    ['/p/7/files/src%2Fa.ts', 'file', 'src/a.ts'],
    ['/@a%2Fb', 'package', '@a/b'],
  ] as const)
    test(`of ${path} is the ${name} ${text}`, () => assert.deepEqual(find(path), { name, text }))

  for (const path of [
    '/p/a',
    '/p/a/b%2Fc',
    '/p/a%2Fb/c%2Fd',
    '/p/a%2Fb/files/c%2Fd',
    '/q/a%2Fb',
    '/@a%2Fb/c',
    '/p/7/files/a%2Fb/c',
    '/p/7/files/',
    '/p/a%2fb',
    '/p/a%252Fb',
  ])
    test(`of ${path} is none that has a name`, () => assert.equal(find(path), undefined))

  test('is not one that cannot be decoded', () => {
    assert.throws(() => find('/p/a%2Fb%FF'), code('malformed_request'))
  })
})
