import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Undoing, UndoPlan } from '../../src/api/verbs.ts'
import type { Approval } from '../../src/approvals/approval.ts'
import type { FoundEntry } from '../../src/audit/search.ts'
import type { Task } from '../../src/model.ts'
import { startHolder } from '../fakes/holder.ts'
import { startUpstream, type Upstream } from '../fakes/upstream.ts'
import { declared, openWorld, succeed, type World } from '../fakes/world.ts'
import { type Kubernetes, startKubernetes } from '../providers/kubernetes.ts'

const COMMIT = 'git -c user.name=demo -c user.email=demo@example.com commit --quiet --allow-empty'
const DELETES = `
@id("lab-deletes")
permit (principal is Workload, action == Action::"git:delete-ref", resource == Target::"lab");

@id("cluster-deletes")
permit (principal is Workload, action in Action::"destructive", resource == Target::"cluster");
`
const ASK = `
@id("ask-closing")
@approval("owner")
permit (principal is Workload, action == Action::"github:Issue::update", resource is Target);
`
const POLICY = `
@id("no-closing")
@reason("Issues are closed by their reporters.")
forbid (principal, action == Action::"github:Issue::update", resource is Target);
`

let world: World
let lab: Upstream
let hub: Upstream
let forge: Upstream
let cluster: Kubernetes
const directory = mkdtempSync(join(tmpdir(), 'stint-undo-'))
/** Issues of the hub by number. */
const issues: { title: string; state: string }[] = []
before(async () => {
  world = await openWorld()
  for (const name of ['lab', 'hub', 'forge']) mkdirSync(join(directory, name))
  lab = await startUpstream(join(directory, 'lab'), world.secret)
  hub = await startUpstream(join(directory, 'hub'), world.secret, serveIssues)
  forge = await startUpstream(join(directory, 'forge'), world.secret, serveIssues)
  const forbid = join(world.stint.home, 'policies', 'forbid.cedar')
  const starter = readFileSync(forbid, 'utf8')
  writeFileSync(
    forbid,
    starter.replace(
      /("destructive",\s+resource is Target\s*\))/,
      '$1 unless { action == Action::"git:delete-ref" || resource == Target::"cluster" }',
    ),
  )
  writeFileSync(join(world.stint.home, 'policies', 'deletes.cedar'), DELETES)
  await world.call('POST', '/v1/policy/reload')
  const asDevelopment = ['--environment', 'development']
  await succeed(world.stint.cli(['target', 'add', 'lab', '--connector', 'git', ...asDevelopment, ...declared(lab)]))
  await succeed(world.stint.cli(['target', 'add', 'hub', '--connector', 'github', ...asDevelopment, ...declared(hub)]))
  await succeed(world.stint.cli(['target', 'add', 'forge', '--connector', 'git-rest', ...asDevelopment, ...declared(forge)]))
  cluster = await startKubernetes()
  await succeed(world.stint.cli(['credential', 'add', 'minter'], cluster.standing.reveal()))
  const at = ['--host', cluster.origin, '--private-network', '127.0.0.0/8', '--credential', 'minter', '--set', 'namespace=stint']
  await succeed(world.stint.cli(['target', 'add', 'cluster', '--connector', 'kubernetes', ...asDevelopment, ...at]))
})
after(async () => {
  await world.close()
  await lab.close()
  await hub.close()
  await forge.close()
  await cluster.close()
  rmSync(directory, { recursive: true, force: true })
})

/** As GitHub Enterprise Server and GitLab make and close issues; a request to GitHub may say where the new one pretends to be. */
function serveIssues(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<
      'title' | 'state' | 'state_event' | 'at',
      string | undefined
    >
    const [, number] = /\/issues\/(\d+)$/.exec(request.url ?? '') ?? []
    const issue = issues[Number(number)]
    if (request.method === 'POST' && body.title !== undefined) {
      issues.push({ title: body.title, state: 'open' })
      const own = `https://localhost:${hub.port}/api/v3/repos/acme/app/issues/${issues.length - 1}`
      const isGitlab = request.url?.startsWith('/api/v4/') ?? false
      const head = { 'content-type': 'application/json', ...(!isGitlab && { location: body.at ?? own }) }
      response.writeHead(201, head).end(JSON.stringify(isGitlab ? { id: 900, iid: issues.length - 1 } : {}))
    } else if (request.method === 'PUT' && issue !== undefined && body.state_event === 'close') {
      issue.state = 'closed'
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    } else if (request.method === 'PATCH' && issue !== undefined && body.state !== undefined) {
      issue.state = body.state
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    } else response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"Not Found"}')
  })
}

/** Runs a shell script in a clone of the lab's repository under a task of its own; answers the task's id. */
async function pushing(name: string, script: string): Promise<string> {
  const url = `https://localhost:${lab.port}/git/demo.git`
  await succeed(world.run('lab', ['sh', '-ec', `git clone --quiet ${url} ${name} && cd ${name} && ${script}`]))
  return newestTask()
}

/** POSTs issues under one task; answers its id. */
function posting(...posted: readonly { readonly title: string; readonly at?: string }[]): Promise<string> {
  return postingTo('hub', `https://localhost:${hub.port}/api/v3/repos/acme/app/issues`, posted)
}

async function postingTo(target: string, url: string, posted: readonly unknown[]): Promise<string> {
  const script = `for (const body of JSON.parse(process.argv[2])) {
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(process.argv[1], { method: 'POST', headers, body: JSON.stringify(body) })
    await answer.text()
    if (answer.status !== 201) process.exit(1)
  }`
  const command = [process.execPath, '--input-type=module', '-e', script, url, JSON.stringify(posted)]
  await succeed(world.run(target, command))
  return newestTask()
}

async function newestTask(): Promise<string> {
  const { items } = await world.call<{ items: Task[] }>('GET', '/v1/tasks?limit=1')
  return items[0]?.id ?? ''
}

const refs = (): Record<string, string> => {
  const { stdout } = spawnSync('git', ['for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads'], {
    ...{ cwd: join(directory, 'lab', 'git', 'demo.git'), encoding: 'utf8' },
  })
  return Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ')),
  )
}

async function plan(id: string): Promise<UndoPlan> {
  const { stdout } = await succeed(world.stint.cli(['task', 'undo', id, '--plan', '--json']))
  return JSON.parse(stdout)
}

/** The exit code, and what was said. */
async function apply(id: string, digest: string): Promise<Undoing & { readonly code: number }> {
  const { code, stdout, stderr } = await world.stint.cli(['task', 'undo', id, '--apply', '--plan', digest, '--json'])
  return { ...JSON.parse(stdout || stderr), code }
}

async function entriesOf(task: string): Promise<readonly FoundEntry[]> {
  return (await world.call<{ items: FoundEntry[] }>('GET', `/v1/audit/entries?limit=100&task=${task}`)).items
}

describe('what a task pushed', () => {
  test('is moved back, newest first, by decided and recorded pushes of a task of its own', async () => {
    const before = refs()
    const script = `${COMMIT} -m two && git push -q origin HEAD:main HEAD:topic && ${COMMIT} -m three && git push -q origin HEAD:main`
    const id = await pushing('back', script)
    const pushed = refs()
    assert.notEqual(pushed['refs/heads/main'], before['refs/heads/main'])
    const planned = await plan(id)
    assert.deepEqual(
      planned.steps.map(({ target, undoes, isUndone }) => [target, undoes.id, undoes.resource, isUndone]),
      [
        ['lab', 'git:push', 'git/demo:refs/heads/main', false],
        ['lab', 'git:delete-ref', 'git/demo:refs/heads/topic', false],
        ['lab', 'git:push', 'git/demo:refs/heads/main', false],
      ],
    )
    assert.deepEqual(planned.others, [])
    assert.deepEqual(refs(), pushed, 'a plan changes nothing')

    const { code, done, undoTaskId = '', left, stopped } = await apply(id, planned.digest)
    assert.deepEqual([stopped, code, left, done], [undefined, 0, 0, planned.steps.map(({ entry }) => entry)])
    assert.deepEqual(refs(), before)
    const undone = await entriesOf(undoTaskId)
    const decisions = undone.flatMap((one) => (one.kind === 'decision' ? [[one.effect, one.action, one.target]] : []))
    assert.deepEqual(decisions, [
      ['allow', 'git:push', 'lab'],
      ['allow', 'git:delete-ref', 'lab'],
      ['allow', 'git:push', 'lab'],
    ])
    assert.ok(
      undone.some((one) => one.kind === 'outcome' && one.lease !== null),
      'with a credential of that task',
    )
    assert.equal((await world.call<Task>('GET', `/v1/tasks/${undoTaskId}`)).state, 'ended')
    const told = (await entriesOf(id)).filter((one) => one.kind === 'act' && one.action === 'stint:Task::undone')
    assert.equal(told.length, 3)

    const served = lab.served.length
    const again = await apply(id, planned.digest)
    assert.deepEqual([again.code, again.done, again.undoTaskId], [0, [], undefined])
    assert.equal(lab.served.length, served, 'a second apply does nothing')
    assert.ok((await plan(id)).steps.every(({ isUndone }) => isUndone))
  })

  test('is left where others have moved it since, and nothing after that is tried', async () => {
    const id = await pushing('moved', `${COMMIT} -m two && git push -q origin HEAD:early && git push -q origin HEAD:late`)
    await pushing('other', `git switch -q late && ${COMMIT} -m other && git push -q origin HEAD:late`)
    const pushed = refs()
    const { digest, steps } = await plan(id)
    const { code, done, stopped, left } = await apply(id, digest)
    assert.deepEqual([code, done, stopped?.entry, left], [1, [], steps[0]?.entry, 2])
    assert.match(stopped?.why ?? '', /^the ref was not moved back: /)
    assert.deepEqual(refs(), pushed)
  })

  test('is not believed where the server did not take it', async () => {
    spawnSync('git', ['config', 'receive.denyNonFastForwards', 'true'], { cwd: join(directory, 'lab', 'git', 'demo.git') })
    const push = `git push -q origin HEAD:kept && git reset -q --hard HEAD~1 && ${COMMIT} -m else`
    const id = await pushing('kept', `${COMMIT} -m two && ${push} && ! git push -q --force origin HEAD:kept HEAD:fine`)
    const { steps, others } = await plan(id)
    assert.deepEqual(others, [])
    assert.deepEqual(
      steps.map(({ did, undoes }) => [did.resource, undoes.resource]),
      [
        ['git/demo:2 refs', 'git/demo:refs/heads/fine'],
        ['git/demo:refs/heads/kept', 'git/demo:refs/heads/kept'],
      ],
    )
  })
})

describe('what a task made on GitHub', () => {
  test('is closed again', async () => {
    const id = await posting({ title: 'one' }, { title: 'two' })
    const { digest, steps } = await plan(id)
    assert.deepEqual(
      steps.map(({ did, undoes }) => [did.id, undoes.id, undoes.resource]),
      [1, 0].map((number) => ['github:Issue::create', 'github:Issue::update', `repos/acme/app/issues/${number}`]),
    )
    assert.equal((await apply(id, digest)).code, 0)
    assert.deepEqual(
      issues.map(({ state }) => state),
      ['closed', 'closed'],
    )
  })

  test('is not looked for where an answer points elsewhere', async () => {
    const place = `https://localhost:${hub.port}/api/v3/repos/acme`
    const tricks = [
      `https://evil.example/api/v3/repos/acme/app/issues/0`,
      `https://localhost:1/api/v3/repos/acme/app/issues/0`,
      `https://me@localhost:${hub.port}/api/v3/repos/acme/app/issues/0`,
      `http://localhost:${hub.port}/api/v3/repos/acme/app/issues/0`,
      `${place}/other/issues/0`,
      `${place}/app/issues/..`,
      `${place}/app/issues/0/../../../other`,
      `${place}/app/issues/%2e%2e`,
      `${place}/app/issues/a%2Fb`,
      `${place}/app/issues/0?state=open`,
      `${place}/app/issues/`,
      '/api/v3/repos/acme/app/issues/0',
    ]
    const id = await posting(...tricks.map((at) => ({ title: 'trick', at })))
    const { steps, others } = await plan(id)
    assert.deepEqual(steps, [])
    assert.deepEqual(
      others.map(({ did, why }) => [did.id, why]),
      tricks.map(() => ['github:Issue::create', 'no way back from github:Issue::create is known from what the target answered']),
    )
  })

  test('stays where policy denies the step, which is recorded', async () => {
    const id = await posting({ title: 'denied' }, { title: 'denied too' })
    const { digest, steps } = await plan(id)
    writeFileSync(join(world.stint.home, 'policies', 'closing.cedar'), POLICY)
    await world.call('POST', '/v1/policy/reload')
    const { code, done, stopped, left, undoTaskId = '' } = await apply(id, digest)
    assert.deepEqual(
      [code, done, stopped, left],
      [1, [], { entry: steps[0]?.entry, why: 'Issues are closed by their reporters.' }, 2],
    )
    const decisions = (await entriesOf(undoTaskId)).filter((one) => one.kind === 'decision')
    assert.deepEqual(
      decisions.map((one) => [one.effect, one.policies]),
      [['deny', ['no-closing']]],
    )
    assert.deepEqual(
      issues.filter(({ title }) => title.startsWith('denied')).map(({ state }) => state),
      ['open', 'open'],
    )
    rmSync(join(world.stint.home, 'policies', 'closing.cedar'))
    await world.call('POST', '/v1/policy/reload')
    assert.equal((await apply(id, digest)).code, 0, 'the same plan goes on once policy allows it')
  })
})

describe('a step that needs approval', () => {
  test('waits for people, and is done when they say yes', async () => {
    const id = await posting({ title: 'asked about' })
    const { digest } = await plan(id)
    const file = join(world.stint.home, 'policies', 'closing.cedar')
    writeFileSync(file, ASK)
    await world.call('POST', '/v1/policy/reload')
    const going = apply(id, digest)
    const question = await pending()
    assert.deepEqual([question.action, question.targetId, issues.at(-1)?.state], ['github:Issue::update', 'hub', 'open'])
    await world.call('POST', `/v1/approvals/${question.id}/grant`, {})
    const { code, stopped } = await going
    assert.deepEqual([stopped, code, issues.at(-1)?.state], [undefined, 0, 'closed'])
    rmSync(file)
    await world.call('POST', '/v1/policy/reload')
  })
})

/** The first question that waits. */
async function pending(): Promise<Approval> {
  for (;;) {
    const [question] = (await world.call<{ items: Approval[] }>('GET', '/v1/approvals?state=pending&limit=1')).items
    if (question !== undefined) return question
    await new Promise((done) => setTimeout(done, 50))
  }
}

describe('what a task made on GitLab', () => {
  test('is closed again', async () => {
    const id = await postingTo('forge', `https://localhost:${forge.port}/api/v4/projects/acme%2Fapp/issues`, [{ title: 'lab' }])
    const { digest, steps } = await plan(id)
    assert.deepEqual(
      steps.map(({ undoes }) => [undoes.id, undoes.resource]),
      [['http:PUT', `/api/v4/projects/acme%2Fapp/issues/${issues.length - 1}`]],
    )
    const { code, stopped } = await apply(id, digest)
    assert.deepEqual([stopped, code, issues.at(-1)], [undefined, 0, { title: 'lab', state: 'closed' }])
  })
})

describe('what a task made in Kubernetes', () => {
  const PODS = '/api/v1/namespaces/web/pods'
  const pods = (): string[] => [...cluster.objects.keys()].filter((path) => path.startsWith(PODS))
  /** Makes pods of these names under one task, and deletes the one that is named so; answers the task's id. */
  async function making(...names: readonly string[]): Promise<string> {
    const { ask, task } = await startHolder(world.stint, { targets: ['cluster'], actions: ['*'] })
    for (const name of names) {
      const pod = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name } })
      assert.match(await ask(`${cluster.origin}${PODS}`, 'POST', pod), /^HTTP\/1.1 201/)
    }
    assert.match(await ask(`${cluster.origin}${PODS}/gone`, 'DELETE'), /^HTTP\/1.1 (?:200|404)/)
    return task.id
  }

  test('is deleted as the very object that it made; what the task deleted is not brought back, and the plan says why', async () => {
    const id = await making('one', 'two', 'gone')
    const { digest, steps, others } = await plan(id)
    assert.deepEqual(
      steps.map(({ did, undoes }) => [did.id, undoes.id, undoes.resource]),
      ['gone', 'two', 'one'].map((name) => ['kubernetes:pods::create', 'kubernetes:pods::delete', `${PODS}/${name}`]),
    )
    assert.deepEqual(
      others.map(({ why }) => why),
      ['no way back from kubernetes:pods::delete: what it took away is not kept'],
    )
    const stopped = await apply(id, digest)
    assert.deepEqual([stopped.code, stopped.stopped?.why, stopped.left], [1, 'the target answered 404', 3])
    assert.deepEqual(pods(), [`${PODS}/one`, `${PODS}/two`])
    cluster.objects.clear()
  })

  test('is left where another object has its name by now, and a step at a time is decided, recorded and with its own role', async () => {
    const id = await making('early', 'late')
    const { digest, steps } = await plan(id)
    const made = cluster.objects.get(`${PODS}/early`) ?? assert.fail()
    cluster.objects.set(`${PODS}/early`, { ...made, metadata: { ...made.metadata, uid: 'of-somebody-else' } })
    const { done, stopped, left, undoTaskId = '' } = await apply(id, digest)
    assert.deepEqual([done, stopped, left], [[steps[0]?.entry], { entry: steps[1]?.entry, why: 'the target answered 409' }, 1])
    assert.deepEqual(pods(), [`${PODS}/early`])
    const undone = await entriesOf(undoTaskId)
    const decided = undone.flatMap((one) => (one.kind === 'decision' ? [`${one.effect} ${one.action} ${one.resource}`] : []))
    assert.deepEqual(
      decided,
      ['early', 'late'].map((name) => `allow kubernetes:pods::delete ${PODS}/${name}`),
    )
    cluster.objects.set(`${PODS}/early`, made)
    assert.equal((await apply(id, digest)).code, 0, 'the same plan goes on')
    assert.deepEqual(pods(), [])
  })
})

describe('a plan', () => {
  test('is done only as it was looked at', async () => {
    const id = await posting({ title: 'last' })
    const { code, ...said } = await apply(id, '0'.repeat(64))
    assert.equal(code, 1)
    assert.match(JSON.stringify(said), /not the plan any more/)
    assert.equal(issues.at(-1)?.state, 'open')
  })

  test('must be named where nobody can be asked', async () => {
    const { code, stderr } = await world.stint.cli(['task', 'undo', await newestTask(), '--apply'])
    assert.equal(code, 2)
    assert.match(stderr, /--apply --plan DIGEST/)
  })
})
