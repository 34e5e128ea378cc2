import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page } from '../../src/api/verbs.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import { type Finished, finish } from '../fakes/stint.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, firstOutput, openWorld, succeed, type World } from '../fakes/world.ts'

const POLICY = `
@id("no-push-to-main")
@reason("Nobody pushes to main; push a branch and open a pull request.")
forbid (principal, action == Action::"git:push", resource is Target)
when { context.parameters.contains("refs=refs/heads/main") };
`
const COMMIT = 'git -c user.name=demo -c user.email=demo@example.com commit --quiet --all --message two'

let world: World
let lab: Upstream
const directory = mkdtempSync(join(tmpdir(), 'stint-refusal-'))
before(async () => {
  world = await openWorld()
  mkdirSync(join(directory, 'lab'))
  lab = await startUpstream(join(directory, 'lab'), world.secret)
  await succeed(world.stint.cli(['target', 'add', 'lab', '--connector', 'git', '--environment', 'development', ...declared(lab)]))
  writeFileSync(join(world.stint.home, 'policies', 'main.cedar'), POLICY)
  await world.call('POST', '/v1/policy/reload')
})
after(async () => {
  await world.close()
  await lab.close()
  rmSync(directory, { recursive: true, force: true })
})

/** A shell script in a clone with one more commit, which has `bytes` of noise. */
function inClone(name: string, script: string, bytes = 10): string[] {
  writeFileSync(join(world.workspace, `${name}.noise`), randomBytes(bytes))
  const clone = `git clone --quiet https://localhost:${lab.port}/git/demo.git ${name} && cd ${name}`
  return ['sh', '-c', `${clone} && cp ../${name}.noise README && ${COMMIT} && ${script}`]
}

const pushes = (): string[] => lab.served.filter((line) => line.startsWith('POST') && line.endsWith('git-receive-pack'))

async function lastRefusal(target: string): Promise<Record<string, unknown> | undefined> {
  const { items } = await world.call<{ items: Record<string, unknown>[] }>('GET', `/v1/audit/entries?limit=20&target=${target}`)
  return items.find(({ kind }) => kind === 'decision')
}

describe('git shows its user why it was refused', () => {
  for (const [size, bytes] of [
    ['small', 10],
    ['large', 3_000_000],
  ] as const)
    test(`a ${size} push to a forbidden ref, by ref, and nothing of it arrives`, async () => {
      const script = `git push origin HEAD:agent/${size} && echo pushed && git push origin HEAD:main HEAD:agent/two`
      const before = pushes().length
      const { code, stdout, stderr } = await world.run('lab', inClone(`forbidden-${size}`, script, bytes))
      assert.equal(code, 1, stderr)
      assert.equal(stdout, 'pushed\n', 'what is allowed passes')
      for (const ref of ['main', 'agent/two'])
        assert.match(
          stderr,
          new RegExp(
            `! \\[remote rejected\\] HEAD -> ${ref} \\(Stint: Nobody pushes to main; [^\\n]*\`stint policy explain <entry>\``,
          ),
        )
      assert.match(stderr, /^remote: stint: Policy denies this \(denied\)/m)
      assert.match(stderr, /^remote: Correlation id: [0-9a-f-]{36}/m)
      assert.doesNotMatch(stderr, /RPC failed|HTTP 403|hung up/)
      assert.deepEqual(pushes().slice(before).length, size === 'small' ? 1 : 2, 'the allowed push, which asks first when large')
      const { effect, action, policies } = (await lastRefusal('lab')) ?? {}
      assert.deepEqual([effect, action, policies], ['deny', 'git:push', ['no-push-to-main']])
    })

  test('a push that would need approval', async () => {
    const push = 'cd clone && git push origin HEAD:topic'
    const clone = `git clone --quiet ${world.gitUrl} clone && echo changed > clone/README && cd clone && ${COMMIT} && cd ..`
    const { stderr } = await world.run('code', ['sh', '-c', `${clone} && ${push}`])
    assert.match(
      stderr,
      /! \[remote rejected\] HEAD -> topic \(Stint: .*need.*consent.* Send exactly the same again when they have said yes/,
    )
    assert.equal((await lastRefusal('code'))?.effect, 'needs-approval')
  })

  test('the same push after a person said yes arrives, also one that is too large for memory', async () => {
    await succeed(world.run('code', ['git', 'clone', '--quiet', world.gitUrl, 'approved']))
    writeFileSync(join(world.workspace, 'approved.noise'), randomBytes(3_000_000))
    const push = 'git push origin HEAD:approved'
    const script = `cd approved && cp ../approved.noise README && ${COMMIT}; ${push}; echo asked; read go; ${push}`
    const child = world.begin('code', ['sh', '-c', script])
    assert.equal(await firstOutput(child), 'asked')
    const [question] = (await world.call<Page<Approval>>('GET', '/v1/approvals?state=pending&limit=1')).items
    assert.equal(question?.action, 'git:push')
    assert.match(
      question.body ?? '',
      /^create refs\/heads\/approved: 0{40} → [0-9a-f]{40}\n\d{7} bytes that are no text, SHA-256/,
    )
    await world.call('POST', `/v1/approvals/${question.id}/grant`, {})
    const { code, stderr } = await finish(child, 'go\n')
    assert.equal(code, 0, stderr)
    assert.match(stderr, /\[new branch\] +HEAD -> approved/)
  })

  for (const [how, options, end] of [
    [
      'was revoked',
      [],
      (id: string) => world.call('POST', '/v1/revocations', { selector: { kind: 'task', id }, reason: 'drill' }),
    ],
    ['has expired', ['--ttl', '5s'], () => Promise.resolve()],
  ] as const)
    test(`a push when the task ${how}`, async () => {
      const name = how.replaceAll(' ', '-')
      await succeed(world.run('lab', inClone(name, 'true')))
      const script = `cd ${name} && echo ready && read -r go; git push origin HEAD:agent/late`
      const child = world.begin('lab', ['sh', '-c', script], options)
      assert.equal(await firstOutput(child), 'ready')
      const over = saying(child.stderr, 'the task is over')
      const [task] = (await world.call<{ items: { id: string }[] }>('GET', '/v1/tasks?state=live')).items
      await end(task?.id ?? '')
      await over
      const { code, stderr }: Finished = await finish(child, 'go\n')
      assert.notEqual(code, 0)
      assert.match(stderr, /^remote: stint: The task is not live \(task_not_live\)/m)
      assert.match(stderr, /^remote: Start a new task/m)
    })

  test('a clone from a host that no target declares, and from one that the task does not name', async () => {
    const elsewhere = await world.run('lab', ['git', 'clone', 'https://git.other.example/acme/app.git', 'elsewhere'])
    assert.match(elsewhere.stderr, /^remote: stint: No target declares this host \(target_unknown\)/m)
    assert.match(elsewhere.stderr, /^remote: .*stint target add NAME --host https:\/\/git\.other\.example/m)
    const outside = await world.run('lab', ['git', 'clone', world.gitUrl, 'outside'])
    assert.match(outside.stderr, /^remote: The task’s scope does not name this target and action\./m)
    const { items } = await world.call<{ items: Record<string, unknown>[] }>('GET', '/v1/audit/entries?limit=20')
    assert.ok(items.some(({ code }) => code === 'target_unknown'))
    assert.ok(items.some(({ code }) => code === 'out_of_scope'))
  })
})

/** Waits for words on a stream. */
function saying(stream: NodeJS.ReadableStream | null, words: string): Promise<void> {
  let said = ''
  return new Promise((done) =>
    stream?.on('data', (chunk) => {
      said += chunk
      if (said.includes(words)) done()
    }),
  )
}
