import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { checkAllowed, findHidden } from '../../src/run/hidden-paths.ts'
import { HIDDEN } from '../../src/run/hide.ts'
import { planLayout, type Step, socketsIn } from '../../src/run/layout.ts'

const top = realpathSync(mkdtempSync(join(tmpdir(), 'stint-layout-')))
after(() => rmSync(top, { recursive: true }))
const home = join(top, 'home')
const project = join(home, 'project')
function put(path: string): void {
  mkdirSync(dirname(join(home, path)), { recursive: true })
  writeFileSync(join(home, path), 'x')
}
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
