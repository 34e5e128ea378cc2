import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { checkAllowed, findHidden } from '../../src/run/hidden-paths.ts'
import { HIDDEN } from '../../src/run/hide.ts'
import { planLayout, type Step, socketsIn } from '../../src/run/layout.ts'
import { isShared } from '../../src/run/places.ts'
import { scratch } from './scratch.ts'

const { top, at: inTop, put: putIn } = scratch()
const home = inTop('home')
const project = join(home, 'project')
const put = (path: string) => putIn(`home/${path}`, 'x')
for (const path of [
  '.ssh/key',
  '.config/gh/hosts',
  '.config/tool/rc',
  '.npm/cache',
  '.cargo/credentials',
  '.cargo/bin/tool',
  'dot/aws/keys',
])
  put(path)
for (const path of ['project/.git/config', 'project/.git/hooks/x', 'project/deep/data/vault', '.claude/state']) put(path)
symlinkSync('dot/aws', join(home, '.aws'))
symlinkSync('dot', join(home, 'plain-link'))

const plan = (more: Partial<Parameters<typeof planLayout>[0]> = {}): Step[] =>
  planLayout({
    directory: project,
    homes: [home],
    hidden: findHidden([home], {}),
    allowed: [],
    shown: [],
    program: [],
    sshDirectory: undefined,
    forbidden: [],
    sockets: [],
    mountinfo: '',
    ...more,
  })
const at = (steps: readonly Step[], path: string) => steps.filter((step) => step.at === join(home, path)).map(({ kind }) => kind)

test('a home is rebuilt without what is hidden, and caches start empty', () => {
  const steps = plan()
  assert.deepEqual([at(steps, ''), at(steps, '.config')], [['scratch'], ['scratch']])
  for (const path of ['.ssh', '.config/gh', '.cargo/credentials', '.npm', '.aws', '.claude'])
    assert.deepEqual(at(steps, path), [], path)
  for (const path of ['.config/tool', '.cargo/bin']) assert.deepEqual(at(steps, path), ['read-only'], path)
  assert.deepEqual(at(steps, 'plain-link'), ['link'])
})

test('what a hidden symlink leads to is masked where it really is', () => {
  assert.deepEqual(at(plan(), 'dot/aws'), ['masked-directory'])
})

test('the run’s own directory stands in for what ssh reads, unless the user’s is allowed', () => {
  const own = { sshDirectory: '/run-files/ssh' }
  const placed = plan(own).filter((step) => step.at === join(home, '.ssh'))
  assert.deepEqual(placed, [{ kind: 'placed', from: '/run-files/ssh', at: join(home, '.ssh') }])
  assert.deepEqual(at(plan({ ...own, allowed: ['ssh'] }), '.ssh').at(-1), 'read-only')
})

test('what is allowed is shown: read-only, or writable where a program keeps its state', () => {
  const steps = plan({ allowed: ['ssh', 'agents', 'aws'] })
  assert.deepEqual(
    [at(steps, '.ssh').at(-1), at(steps, '.claude').at(-1), at(steps, 'dot/aws').at(-1)],
    ['read-only', 'writable', 'read-only'],
  )
})

test('the working directory is writable, but not the parts of its repository that run as programs later', () => {
  const steps = plan()
  assert.deepEqual(at(steps, 'project').at(-1), 'writable')
  assert.deepEqual([at(steps, 'project/.git/config'), at(steps, 'project/.git/hooks')], [['read-only'], ['read-only']])
})

test('every directory between the working directory and a mask is pinned, before all masks', () => {
  const steps = plan({ forbidden: [join(project, 'deep/data')] })
  assert.deepEqual([at(steps, 'project/deep'), at(steps, 'project/deep/data')], [['writable'], ['masked-directory']])
  const kinds = steps.slice(steps.findIndex((step) => step.at === join(project, '.git')))
  const lastPin = kinds.findLastIndex(({ kind }) => kind === 'writable')
  assert.ok(kinds.slice(0, lastPin).every(({ kind }) => kind === 'writable'))
})

describe('a program is shown with what belongs to it', () => {
  const shows = (path: string, isNamed = true, more: Partial<Parameters<typeof planLayout>[0]> = {}) => {
    const usual = new Set(plan(more).map((step) => JSON.stringify(step)))
    return plan({ program: [{ path, isNamed }], ...more }).filter((step) => !usual.has(JSON.stringify(step)))
  }
  const readOnly = (path: string) => [{ kind: 'read-only', from: path, at: path }]
  const tool = join(top, 'tool/bin/tool')
  mkdirSync(dirname(tool), { recursive: true })
  writeFileSync(tool, '')

  test('the directory it is in, or the one above a `bin`', () => {
    assert.deepEqual(shows(tool), readOnly(join(top, 'tool')))
    writeFileSync(join(top, 'tool/script'), '')
    assert.deepEqual(shows(join(top, 'tool/script')), readOnly(join(top, 'tool')))
  })

  test('only the file, where the directory is shared or holds a home or caches', () => {
    const loose = join(top, 'loose')
    writeFileSync(loose, '')
    assert.deepEqual(shows(loose), readOnly(loose), 'next to a home')
    put('.cache/tool')
    assert.deepEqual(shows(join(home, '.cache/tool')), readOnly(join(home, '.cache/tool')))
    put('.cache/env/bin/tool')
    assert.deepEqual(shows(join(home, '.cache/env/bin/tool')), readOnly(join(home, '.cache/env')))
    symlinkSync(tool, join(top, 'link'))
    assert.deepEqual(shows(join(top, 'link')), [{ kind: 'link', to: tool, at: join(top, 'link') }])
  })

  test('nothing, when it shows anyway, was not named by the user, is hidden, or is in the data directory', () => {
    for (const path of ['/bin/sh', join(project, 'script'), join(home, '.cargo/bin/tool')])
      assert.deepEqual(shows(path), [], path)
    assert.deepEqual(shows(tool, false), [])
    assert.deepEqual(shows(join(home, '.ssh/key')), [])
    assert.deepEqual(shows(join(home, 'dot/aws/keys')), [], 'the target of a hidden symlink')
    assert.deepEqual(shows(tool, true, { forbidden: [join(top, 'tool')] }), [])
    const mountinfo = `1 0 8:1 / / rw - ext4 x rw\n2 1 8:1 ${home}/.ssh ${top}/tool rw - ext4 x rw`
    assert.deepEqual(shows(tool, true, { mountinfo }), [], 'a bind mount of what is hidden')
  })

  test('what is hidden or Stint’s own in a program’s directory stays masked', () => {
    const data = join(top, 'tool/data')
    mkdirSync(data)
    const steps = plan({ program: [{ path: tool, isNamed: true }], forbidden: [data] })
    assert.deepEqual(kindsBelow(steps, join(top, 'tool')), ['tool read-only', 'tool/data masked-directory'])
  })

  test('the working directory stays writable in a program’s directory', () => {
    const steps = plan({ directory: join(top, 'tool/bin'), program: [{ path: join(top, 'tool/script'), isNamed: true }] })
    assert.deepEqual(kindsBelow(steps, join(top, 'tool')), ['tool read-only', 'tool/bin writable'])
  })
})

function kindsBelow(steps: readonly Step[], path: string): string[] {
  return steps.filter((step) => step.at.startsWith(path)).map((step) => `${step.at.slice(top.length + 1)} ${step.kind}`)
}

test('places that are nobody’s own', () => {
  const shared = [
    '/',
    '/tmp',
    '/var',
    '/home',
    '/home/ada',
    '/mnt/disk',
    '/media/ada/stick',
    '/run/user',
    '/run/user/1000',
    '/root',
  ]
  for (const path of shared) assert.equal(isShared(path), true, path)
  for (const path of ['/tmp/x', '/var/tmp/x', '/home/ada/x', '/mnt/disk/x', '/run/user/1000/x', '/root/x', '/opt', '/home2'])
    assert.equal(isShared(path), false, path)
})

test('--show shows a path read-only, and what must not be seen in it stays masked', () => {
  const tool = join(top, 'tool')
  const steps = plan({ shown: [tool], forbidden: [join(tool, 'data')] })
  assert.deepEqual(kindsBelow(steps, tool), ['tool read-only', 'tool/data masked-directory'])
})

test('a place that would give more away is no working directory, and --show does not show it', () => {
  const refused: [string, RegExp][] = [
    ['/', /holds a home/],
    [home, /holds a home/],
    [top, /holds a home/],
    ['/var/tmp', /shared/],
    ['/var', /shared/],
    ['/proc/1', /kernel/],
    ['/dev', /kernel/],
    [join(home, '.ssh'), /--allow ssh/],
    [join(home, 'dot/aws'), /--allow aws/],
    [join(top, 'tool/data/deep'), /data directory/],
    [join(top, 'alias/deep'), /data directory/],
  ]
  const forbidden = [join(top, 'tool/data')]
  const mountinfo = `1 0 8:1 / / rw - ext4 x rw\n2 1 8:1 ${top}/tool/data ${top}/alias rw - ext4 x rw`
  for (const [path, message] of refused) {
    assert.throws(() => plan({ directory: path, forbidden, mountinfo }), { code: 'invalid_argument', message })
    assert.throws(() => plan({ shown: [path], forbidden, mountinfo }), { code: 'invalid_argument', message })
  }
})

test('a socket in sight is masked; one that is allowed, or in a directory that is emptied, is left alone', async () => {
  const sockets = [join(project, 'a.sock'), join(home, '.ssh', 'agent')]
  const servers = sockets.map((path) => createServer().listen(path))
  try {
    const steps = plan({ sockets, allowed: ['ssh'] })
    assert.deepEqual([at(steps, 'project/a.sock'), at(steps, '.ssh/agent')], [['masked-file'], []])
    assert.deepEqual(at(plan({ sockets }), '.ssh/agent'), [])
  } finally {
    for (const server of servers) server.close()
  }
})

test('the kernel’s list of sockets is read: paths that are there, not abstract ones and not ones that are gone', () => {
  const real = join(project, '.git/config')
  const table = [
    'Num RefCount Protocol Flags Type St Inode Path',
    `0: 2 0 00010000 0001 01 7 ${real}`,
    '0: 2 0 0 0002 01 8 @abstract',
    '0: 2 0 0 1 01 9 /gone',
    '0: 3 0 0 1 03 9',
  ]
  assert.deepEqual(socketsIn(table.join('\n')), [real])
})

test('a variable that points at a file hides the file', () => {
  const file = join(home, 'dot/aws/keys')
  for (const value of [file, `FILE:${file}`, `unix://${file}`, `/nowhere:${file}`]) {
    const found = findHidden([], { KRB5CCNAME: value })
    assert.deepEqual(
      found.map(({ real }) => real).filter((path) => path.startsWith(top)),
      [file],
      value,
    )
  }
  assert.deepEqual(
    findHidden([], { KUBECONFIG: '/dev/null' }).filter(({ name }) => name === 'kube'),
    [],
  )
})

test('names of hidden things are unique, and --allow takes no other', () => {
  const names = HIDDEN.map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  checkAllowed(names)
  for (const name of ['', 'AWS', '~/.aws', '__proto__'])
    assert.throws(() => checkAllowed([name]), { code: 'invalid_argument', message: /aws, gcloud/ })
})
