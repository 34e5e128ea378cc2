import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aliasesOf } from '../../src/run/mount-aliases.ts'

const line = (id: number, device: string, root: string, point: string) =>
  `${id} 1 ${device} ${root} ${point} rw,relatime - ext4 /dev/x rw`

test('a bind mount of the directory, of one above it and of one in it are its aliases', () => {
  const table = [
    line(1, '8:1', '/', '/'),
    line(2, '8:1', '/home/u/data', '/mnt/direct'),
    line(3, '8:1', '/home', '/mnt/above'),
    line(4, '8:1', '/home/u/data/inner', '/mnt/part'),
    line(5, '8:1', '/home/u/database', '/mnt/other'),
    line(6, '8:2', '/home/u/data', '/mnt/other-device'),
  ].join('\n')
  assert.deepEqual(aliasesOf('/home/u/data', table).sort(), ['/mnt/above/u/data', '/mnt/direct', '/mnt/part'])
})

test('the filesystem a directory is on is found below the deepest mount, the latest where several are', () => {
  const table = [
    line(1, '8:1', '/', '/'),
    line(2, '8:2', '/', '/home'),
    line(3, '8:3', '/sub', '/home'),
    line(4, '8:3', '/', '/disk'),
  ].join('\n')
  assert.deepEqual(aliasesOf('/home/u', table), ['/disk/sub/u'])
})

test('a whole filesystem mounted twice and names with spaces are understood', () => {
  const table = [line(1, '8:1', '/', '/'), line(2, '8:1', '/', '/mnt/all'), line(3, '8:1', '/my\\040data', '/mnt/a\\040b')].join(
    '\n',
  )
  assert.deepEqual(aliasesOf('/my data', table).sort(), ['/mnt/a b', '/mnt/all/my data'])
})

test('a table that makes no sense has no aliases', () => {
  for (const table of ['', 'x', '1 2 3', '\n\n']) assert.deepEqual(aliasesOf('/a', table), [])
})
