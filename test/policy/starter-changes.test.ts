import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { copyFile, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { openPolicy } from '../../src/policy/policy.ts'
import { findStarterChanges, installStarter, markStarterSeen, STARTER_DIRECTORY } from '../../src/policy/starter.ts'

const OLD = '// as an older version had it\npermit (principal is Operator, action in Action::"stint", resource is Stint);\n'

async function install(t: TestContext): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'starter-'))
  t.after(() => rm(home, { recursive: true, force: true }))
  const directory = join(home, 'data', 'policies')
  await installStarter(directory)
  return directory
}

/** As an older version installed it: another read.cedar and stint.cedar, a file that is gone today, and no write.cedar yet. */
async function installOlder(t: TestContext): Promise<string> {
  const directory = await install(t)
  for (const name of ['read.cedar', 'stint.cedar', 'gone.cedar']) await writeFile(join(directory, name), OLD)
  await rm(join(directory, 'write.cedar'))
  const hash = createHash('sha256').update(OLD).digest('hex')
  const forbid = (await readFile(join(directory, 'starter.sha256'), 'utf8'))
    .split('\n')
    .find((line) => line.endsWith('forbid.cedar'))
  const lines = [...['read.cedar', 'stint.cedar', 'gone.cedar'].map((name) => `${hash}  ${name}`), forbid]
  await writeFile(join(directory, 'starter.sha256'), lines.join('\n'))
  return directory
}

describe('the starter policies', () => {
  test('are put into a new directory at once, and never over what is there', async (t) => {
    const directory = await install(t)
    const copied = (await readdir(STARTER_DIRECTORY)).filter((name) => name !== 'schema.cedarschema')
    assert.ok(copied.includes('read.cedar') && copied.includes('starter.test.yaml'))
    assert.deepEqual((await readdir(directory)).sort(), ['starter.sha256', ...copied].sort())
    assert.deepEqual(await readdir(join(directory, '..')), ['policies'])
    await writeFile(join(directory, 'read.cedar'), OLD)
    await rm(join(directory, 'write.cedar'))
    assert.deepEqual(await installStarter(directory), [])
    assert.equal(await readFile(join(directory, 'read.cedar'), 'utf8'), OLD)
    assert.ok(!(await readdir(directory)).includes('write.cedar'), 'a policy that was deleted stays deleted')
  })

  test('do not come back into a directory that somebody emptied', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'emptied-'))
    t.after(() => rm(directory, { recursive: true }))
    assert.deepEqual(await installStarter(directory), [])
    assert.deepEqual(await readdir(directory), [])
  })
})

describe('what an upgrade changed in the starter policies', () => {
  test('is nothing where they are as they were installed, whatever the operator made of them', async (t) => {
    const directory = await install(t)
    assert.deepEqual(await findStarterChanges(directory), [])
    await writeFile(join(directory, 'read.cedar'), OLD)
    await rm(join(directory, 'write.cedar'))
    await writeFile(join(directory, 'own.cedar'), OLD)
    assert.deepEqual(await findStarterChanges(directory), [])
  })

  test('is told file by file, and changes nothing', async (t) => {
    const directory = await installOlder(t)
    await writeFile(join(directory, 'stint.cedar'), `${OLD}// mine`)
    await writeFile(join(directory, 'forbid.cedar'), '// mine')
    assert.deepEqual(await findStarterChanges(directory), [
      { name: 'read.cedar', yours: 'untouched' },
      { name: 'stint.cedar', yours: 'edited' },
      { name: 'write.cedar', yours: 'missing' },
      { name: 'gone.cedar', yours: 'left' },
    ])
    assert.equal(await readFile(join(directory, 'read.cedar'), 'utf8'), OLD)
  })

  test('is told until the new one is taken over, or the operator says that they have seen it', async (t) => {
    const directory = await installOlder(t)
    await copyFile(join(STARTER_DIRECTORY, 'read.cedar'), join(directory, 'read.cedar'))
    assert.ok(!(await findStarterChanges(directory)).some(({ name }) => name === 'read.cedar'))
    await markStarterSeen(directory)
    assert.deepEqual(await findStarterChanges(directory), [])
    assert.equal(await readFile(join(directory, 'stint.cedar'), 'utf8'), OLD)
  })

  test('is every file that differs, where nothing says what was installed or the note is damaged', async (t) => {
    const directory = await install(t)
    await writeFile(join(directory, 'read.cedar'), OLD)
    for (const note of [undefined, '', 'damaged', `${'0'.repeat(64)}  ../secret\n`]) {
      if (note === undefined) await rm(join(directory, 'starter.sha256'))
      else await writeFile(join(directory, 'starter.sha256'), note)
      assert.deepEqual(await findStarterChanges(directory), [{ name: 'read.cedar', yours: 'edited' }])
    }
  })

  test('cannot be told of a directory that cannot be read', async (t) => {
    const directory = await install(t)
    await rm(join(directory, 'read.cedar'))
    await symlink('read.cedar', join(directory, 'read.cedar'))
    await assert.rejects(findStarterChanges(directory), { code: 'policy_invalid', detail: /^read\.cedar cannot be read/ })
  })

  test('is also a copy of an older schema, which is not in force and stops nothing', async (t) => {
    const directory = await install(t)
    const copy = join(directory, 'schema.cedarschema')
    await copyFile(join(STARTER_DIRECTORY, 'schema.cedarschema'), copy)
    assert.deepEqual(await findStarterChanges(directory), [])
    const options = { onError: (error: unknown) => assert.fail(String(error)), onReload: () => undefined }
    const before = await openPolicy(directory, options)
    before.close() // before the directory goes, which it would hear of
    await writeFile(copy, 'entity Anything;')
    assert.deepEqual(await findStarterChanges(directory), [{ name: 'schema.cedarschema', yours: 'stale' }])
    const after = await openPolicy(directory, options)
    after.close()
    assert.equal(after.status().policySetHash, before.status().policySetHash)
  })
})
