import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { programFiles } from '../../src/run/program.ts'
import { scratch } from './scratch.ts'

const { top, at, put } = scratch()
const project = at('project')
put('project/script', `#!${at('python/bin/python')} -u\n`)
put('project/plain', 'echo\n')
put('tools/script', `#! ${at('python/bin/python')} -u\n`)
put('tools/by-env', '#!/usr/bin/env -S A=b python -u\n')
put('tools/not-executable', '', 0o644)
put('python/bin/python', '\x7fELF')
put('loop', `#!${at('loop')}\n`)
symlinkSync('../tools/script', at('python/one'))
symlinkSync(at('python/one'), at('two'))
symlinkSync(at('two'), join(project, 'link'))
symlinkSync('python', at('alias'))
symlinkSync('circle', at('circle'))

/** Paths in `top`; those the user did not name in brackets. */
const files = (name: string, path: string[] = []) =>
  programFiles(name, project, path.map(at).join(':'))
    .filter((file) => file.path.startsWith(top))
    .map(({ path, isNamed }) => (isNamed ? path.slice(top.length + 1) : `(${path.slice(top.length + 1)})`))

test('a name is looked up in PATH, as the first executable file of that name; a path is taken from the working directory', () => {
  assert.deepEqual(files('python', ['nowhere', 'tools', 'python/bin']), ['python/bin/python'])
  assert.deepEqual(files('not-executable', ['tools']), [])
  assert.deepEqual(files('./plain'), ['project/plain'])
  assert.deepEqual(files('../python/bin/python'), ['python/bin/python'])
  assert.deepEqual(files('no-such-program', ['tools']), [])
})

test('symlinks are followed one by one, and directories on the way are the real ones', () => {
  assert.deepEqual(files(at('two')), ['two', 'python/one', 'tools/script', 'python/bin/python'])
  assert.deepEqual(files(at('alias/bin/python')), ['python/bin/python'])
})

test('the interpreter of a script is needed, and the program that env looks up', () => {
  assert.deepEqual(files('script', ['tools']), ['tools/script', 'python/bin/python'])
  assert.deepEqual(files('by-env', ['tools', 'python/bin']), ['tools/by-env', 'python/bin/python'])
})

test('what a file in the working directory leads to is not what the user named', () => {
  assert.deepEqual(files('./script'), ['project/script', '(python/bin/python)'])
  assert.deepEqual(files('./link'), ['project/link', '(two)', '(python/one)', '(tools/script)', '(python/bin/python)'])
})

test('circles end, and directories and pipes are no programs', () => {
  assert.deepEqual(files(at('loop')), ['loop'])
  assert.deepEqual(files(at('circle')), ['circle'])
  assert.deepEqual(files(top), [])
  execFileSync('mkfifo', [at('pipe')])
  assert.deepEqual(files(at('pipe')), ['pipe'])
})
