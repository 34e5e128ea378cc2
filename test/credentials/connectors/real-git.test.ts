import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { describe, type TestContext, test } from 'node:test'
import { git as connector } from '../../../src/credentials/connectors/git.ts'
import { StintError } from '../../../src/errors.ts'
import type { Action, Operation } from '../../../src/model.ts'
import { temporaryDirectory } from '../../store/temporary.ts'

const ENV = {
  PATH: process.env.PATH,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b',
}

/** A real git server, a clone of a repository on it, and what the connector called every request that the real git sent. */
async function serve(t: TestContext) {
  const directory = await temporaryDirectory(t)
  const bare = join(directory, 'acme', 'app.git')
  const seen: (Action | StintError)[] = []
  const server = createServer((request, response) => void answer(request, response, directory, seen))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/acme/app.git`
  const work = join(directory, 'work')
  run(directory, 'init', '-q', '--bare', '-b', 'main', bare)
  run(bare, 'config', 'http.receivepack', 'true')
  run(bare, 'config', 'receive.advertisePushOptions', 'true')
  const git = async (...args: string[]): Promise<Action[]> => {
    seen.length = 0
    await gitAsync(work, ...args)
    return seen.map((one) => {
      if (one instanceof StintError) throw one
      return one
    })
  }
  await gitAsync(directory, 'clone', '-q', url, work)
  const commit = (name: string, content: string | Uint8Array = name): void => {
    writeFileSync(join(work, name), content)
    run(work, 'add', name)
    run(work, 'commit', '-q', '-m', name)
  }
  commit('first')
  return { git, commit, work, seen }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  root: string,
  seen: (Action | StintError)[],
): Promise<void> {
  const { pathname, search } = new URL(request.url ?? '', 'http://x')
  const body = await buffer(request)
  const operation: Operation = {
    scheme: 'http',
    host: '127.0.0.1',
    port: 80,
    method: request.method ?? '',
    path: pathname,
    query: search.slice(1),
    headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
  }
  try {
    seen.push(
      connector.describe(
        { ...operation, body: body.subarray(0, connector.bodyPrefix(operation, connector.example.target)) },
        connector.example.target,
      ),
    )
  } catch (thrown) {
    seen.push(thrown as StintError)
  }
  const env = {
    ...ENV,
    GIT_PROJECT_ROOT: root,
    GIT_HTTP_EXPORT_ALL: '1',
    PATH_INFO: pathname,
    QUERY_STRING: search.slice(1),
    REQUEST_METHOD: request.method,
    CONTENT_TYPE: request.headers['content-type'] ?? '',
    HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    REMOTE_USER: 'a',
    REMOTE_ADDR: '127.0.0.1',
    CONTENT_LENGTH: String(body.length),
  }
  const backend = spawn('git', ['http-backend'], { env })
  backend.stdin.on('error', () => undefined).end(body)
  const output = await buffer(backend.stdout)
  const end = output.indexOf('\r\n\r\n')
  const headers = output
    .subarray(0, end)
    .toString()
    .split('\r\n')
    .map((line) => line.split(': ') as [string, string])
  const status = headers.find(([name]) => name === 'Status')?.[1] ?? '200'
  response.writeHead(Number.parseInt(status, 10), Object.fromEntries(headers.filter(([name]) => name !== 'Status')))
  response.end(output.subarray(end + 4))
}

function run(cwd: string, ...args: string[]): void {
  const { status, stderr } = spawnSync('git', args, { cwd, env: ENV })
  assert.equal(status, 0, String(stderr))
}

/** 400 tags on HEAD. */
function tag(cwd: string, name: (i: number) => string): void {
  const input = Array.from({ length: 400 }, (_, i) => `create refs/tags/${name(i)} HEAD\n`).join('')
  const { status, stderr } = spawnSync('git', ['update-ref', '--stdin'], { cwd, env: ENV, input })
  assert.equal(status, 0, String(stderr))
}

async function gitAsync(cwd: string, ...args: string[]): Promise<void> {
  const child = spawn('git', args, { cwd, env: ENV, stdio: ['ignore', 'ignore', 'pipe'] })
  const errors = await buffer(child.stderr)
  if (child.exitCode === null) await new Promise((done) => child.once('close', done))
  assert.equal(child.exitCode, 0, String(errors))
}

const brief = (actions: readonly Action[]) => actions.map(({ id, access, resource }) => `${id} ${access} ${resource}`)

describe('what the real git sends', () => {
  test('a clone and a fetch are reads and nothing else, in every protocol version', async (t) => {
    const { git } = await serve(t)
    await git('push', '-q', 'origin', 'main')
    for (const version of ['0', '1', '2']) {
      const actions = await git('-c', `protocol.version=${version}`, 'fetch', '-q', 'origin')
      assert.ok(actions.length > 0)
      assert.deepEqual([...new Set(brief(actions))], ['git:fetch read acme/app'])
    }
  })

  test('a push is announced as a read, then a write on exactly its refs', async (t) => {
    const { git, commit } = await serve(t)
    const first = await git('push', '-q', 'origin', 'main')
    assert.deepEqual(brief(first), ['git:push read acme/app', 'git:push write acme/app:refs/heads/main'])
    assert.deepEqual(first[1]?.parameters.creates, ['refs/heads/main'])
    commit('second')
    const second = await git('push', '-q', 'origin', 'main', 'main:refs/heads/agent/ü', 'main:refs/tags/v1')
    assert.deepEqual(second[1]?.parameters.refs, ['refs/heads/agent/ü', 'refs/tags/v1', 'refs/heads/main'])
    assert.deepEqual(second[1]?.parameters.updates, ['refs/heads/main'])
    assert.equal(second[1]?.resource, 'acme/app:3 refs')
  })

  test('a force push is a write on its ref, a deletion is destructive', async (t) => {
    const { git, commit } = await serve(t)
    await git('push', '-q', 'origin', 'main', 'main:old')
    commit('second')
    assert.deepEqual(brief(await git('push', '-q', '--force', 'origin', 'main'))[1], 'git:push write acme/app:refs/heads/main')
    const deletion = await git('push', '-q', 'origin', ':old')
    assert.deepEqual(brief(deletion), ['git:push read acme/app', 'git:delete-ref destructive acme/app:refs/heads/old'])
  })

  test('a push that both deletes and changes is refused, so that neither hides behind the other', async (t) => {
    const { git, commit, seen } = await serve(t)
    await git('push', '-q', 'origin', 'main', 'main:old')
    commit('second')
    await assert.rejects(git('push', '-q', 'origin', 'main', ':old'), /make them two/)
    assert.ok(seen.at(-1) instanceof StintError)
  })

  test('push options are read', async (t) => {
    const { git } = await serve(t)
    const actions = await git('push', '-q', '-o', 'merge_request.create', '-o', 'ci.skip', 'origin', 'main')
    assert.deepEqual(actions[1]?.parameters.options, ['merge_request.create', 'ci.skip'])
  })

  test('a large push asks first with an empty list, which is read as the announcement it is', async (t) => {
    const { git, commit } = await serve(t)
    commit('large', randomBytes(200_000))
    const actions = await git('-c', 'http.postBuffer=65536', 'push', '-q', 'origin', 'main')
    assert.deepEqual(brief(actions), [
      'git:push read acme/app',
      'git:push read acme/app',
      'git:push write acme/app:refs/heads/main',
    ])
  })

  test('a push of many refs is read as long as their list fits, and refused beyond', async (t) => {
    const { git, work } = await serve(t)
    tag(work, (i) => `t${i}`)
    const actions = await git('push', '-q', '--tags', 'origin')
    assert.equal((actions[1]?.parameters.refs ?? []).length, 400)
    tag(work, (i) => `${'x'.repeat(150)}${i}`)
    await assert.rejects(
      git('push', '-q', '--tags', 'origin'),
      (thrown) => thrown instanceof StintError && thrown.code === 'body_too_large',
    )
  })

  test('a push from a shallow clone is read', async (t) => {
    const { git, commit, work } = await serve(t)
    commit('second')
    await git('push', '-q', 'origin', 'main')
    commit('third')
    writeFileSync(join(work, '.git', 'shallow'), spawnSync('git', ['rev-parse', 'HEAD~1'], { cwd: work, env: ENV }).stdout)
    assert.equal(brief(await git('push', '-q', 'origin', 'main'))[1], 'git:push write acme/app:refs/heads/main')
  })
})
