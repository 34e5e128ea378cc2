import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { StintError } from '../../src/errors.ts'
import { type OpenPolicy, openPolicy, type PolicyStatus } from '../../src/policy/policy.ts'
import { NO_HISTORY } from '../../src/policy/request.ts'
import { action, caller, requestWith, target, task } from './sample.ts'

const PERMIT = '@id("yes") permit (principal, action, resource);'
const FORBID = '@id("no") forbid (principal, action, resource);'

interface Opened {
  readonly directory: string
  readonly policy: OpenPolicy
  readonly errors: StintError[]
  /** The next reload that took, or the next error. */
  next(): Promise<PolicyStatus | StintError>
}

async function open(t: TestContext, text = PERMIT): Promise<Opened> {
  const directory = await mkdtemp(join(tmpdir(), 'policy-'))
  await writeFile(join(directory, 'a.cedar'), text)
  const errors: StintError[] = []
  let tell: (what: PolicyStatus | StintError) => void = () => undefined
  const policy = await openPolicy(directory, {
    onError: (error) => {
      errors.push(error)
      tell(error)
    },
    onReload: (status) => tell(status),
  })
  t.after(async () => {
    policy.close()
    await rm(directory, { recursive: true, force: true })
  })
  return { directory, policy, errors, next: () => new Promise((resolve) => (tell = resolve)) }
}

describe('an open policy directory', { timeout: 60_000 }, () => {
  test('asks, decides and says what is in force', async (t) => {
    const { policy } = await open(t)
    const request = policy.request(caller, task, target, action, NO_HISTORY)
    assert.equal(policy.decide(request).effect, 'allow')
    assert.equal(policy.decide(request).policySetHash, policy.status().policySetHash)
    assert.equal(policy.status().policies, 1)
    const act = { id: 'stint:Task::end', access: 'write', resource: 'tasks/task_1', parameters: {} } as const
    assert.equal(policy.decide(policy.requestOnStint(caller, act)).effect, 'allow')
  })

  test('takes a change without a restart, and answers by it at once', async (t) => {
    const { directory, policy, next } = await open(t)
    const before = policy.status().policySetHash
    const changed = next()
    await writeFile(join(directory, 'b.cedar'), FORBID)
    await changed
    assert.notEqual(policy.status().policySetHash, before)
    assert.equal(policy.decide(requestWith()).code, 'forbidden_by_policy')
  })

  test('takes a file that an editor put in place by renaming, after it took the old one away', async (t) => {
    const { directory, policy, next } = await open(t)
    const changed = next()
    await rename(join(directory, 'a.cedar'), join(directory, 'a.cedar~'))
    await writeFile(join(directory, '.a.cedar.tmp'), FORBID)
    await rename(join(directory, '.a.cedar.tmp'), join(directory, 'a.cedar'))
    await changed
    assert.equal(policy.decide(requestWith()).code, 'forbidden_by_policy')
    assert.equal(policy.status().policies, 1)
  })

  test('refuses a broken set with its place, and the old one keeps serving', async (t) => {
    const { directory, policy, errors, next } = await open(t, FORBID)
    const before = policy.status()
    const told = next()
    await writeFile(
      join(directory, 'a.cedar'),
      `// half\n${PERMIT}\n@id("x") permit (principal, action in Action::"raed", resource);`,
    )
    await told
    assert.equal(errors[0]?.code, 'policy_invalid')
    assert.match(errors[0]?.detail ?? '', /^a\.cedar:3:39: /)
    assert.equal(policy.decide(requestWith()).code, 'forbidden_by_policy')
    assert.deepEqual(policy.status(), { ...before, refused: errors[0]?.detail })
  })

  test('recovers when the broken file is mended, and forgets the refusal', async (t) => {
    const { directory, policy, next } = await open(t)
    const told = next()
    await writeFile(join(directory, 'a.cedar'), 'permit')
    await told
    const mended = next()
    await writeFile(join(directory, 'a.cedar'), FORBID)
    await mended
    assert.equal(policy.status().refused, undefined)
    assert.equal(policy.decide(requestWith()).code, 'forbidden_by_policy')
  })

  test('keeps serving when the directory vanishes, and follows the one that takes its place', async (t) => {
    const { directory, policy, next } = await open(t)
    const vanished = next()
    await rm(directory, { recursive: true })
    assert.ok((await vanished) instanceof StintError)
    assert.equal(policy.decide(requestWith()).effect, 'allow')
    const returned = next()
    await mkdir(directory)
    await writeFile(join(directory, 'a.cedar'), FORBID)
    let last = await returned
    while (last instanceof StintError) last = await next()
    assert.equal(policy.decide(requestWith()).code, 'forbidden_by_policy')
  })

  test('reloads when asked, throws where the set is broken, and the newest reading is the one that stays', async (t) => {
    const { directory, policy } = await open(t)
    await writeFile(join(directory, 'a.cedar'), FORBID)
    const [first, second] = await Promise.all([policy.reload(), policy.reload()])
    assert.equal(first.policySetHash, second.policySetHash)
    assert.equal(policy.decide(requestWith()).code, 'forbidden_by_policy')
    await writeFile(join(directory, 'a.cedar'), new Uint8Array([0xff, 0xfe]))
    await assert.rejects(policy.reload(), { code: 'policy_invalid', detail: /a\.cedar:1:1: the file is not UTF-8/ })
  })

  test('denies everything once all policies are gone', async (t) => {
    const { directory, policy } = await open(t)
    await rm(join(directory, 'a.cedar'))
    await policy.reload()
    assert.equal(policy.decide(requestWith()).code, 'no_policy_permits')
  })

  test('takes no notice of backup and hidden files', async (t) => {
    const { directory, policy } = await open(t)
    for (const name of ['a.cedar~', '.b.cedar', 'c.cedar.bak', 'README.md'])
      await writeFile(join(directory, name), 'not a policy')
    assert.equal((await policy.reload()).policies, 1)
  })

  test('reads Windows line ends as line ends', async (t) => {
    const { policy } = await open(t, `// a\r\n${PERMIT}\r\n// b\r${FORBID}`)
    assert.equal(policy.decide(requestWith()).code, 'forbidden_by_policy')
  })

  test('is not opened on a broken set, a missing directory or a schema of its own', async (t) => {
    const { directory } = await open(t)
    const options = { onError: () => undefined, onReload: () => undefined }
    await assert.rejects(openPolicy(join(directory, 'missing'), options), { code: 'policy_invalid' })
    await writeFile(join(directory, 'own.cedarschema'), 'entity Anything;')
    await assert.rejects(openPolicy(directory, options), { code: 'policy_invalid', detail: /^own\.cedarschema:1:1: / })
    await rm(join(directory, 'own.cedarschema'))
    await writeFile(join(directory, 'a.cedar'), 'permit')
    await assert.rejects(openPolicy(directory, options), { code: 'policy_invalid', detail: /^a\.cedar:1:\d+: / })
  })
})
