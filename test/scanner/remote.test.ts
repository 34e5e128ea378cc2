import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { CommandContext } from '../../src/cli/command.ts'
import { isRemote } from '../../src/cli/list-works.ts'
import { openRemote } from '../../src/cli/scan-remote.ts'
import { collect } from '../../src/scanner/remote/collect.ts'
import { type Forge, needName } from '../../src/scanner/remote/forge.ts'
import { github } from '../../src/scanner/remote/github.ts'
import { gitlab } from '../../src/scanner/remote/gitlab.ts'
import { type Answer, createPageReader, itemsOf, RemoteError } from '../../src/scanner/remote/read-pages.ts'

const directory = mkdtempSync(join(tmpdir(), 'stint-remote-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const SERVER = 'https://localhost:1' // nobody is there, so that no repository can be cloned
type Said = unknown | Partial<Answer> | Error
const answer = (said: Partial<Answer>): Answer => ({ status: 200, headers: {}, body: Buffer.from('[]'), ...said })

/** A server that answers by path, lists what it was asked, and how long one waited. */
function serve(answers: Readonly<Record<string, readonly Said[]>>) {
  const asked: string[] = []
  const waits: number[] = []
  const said: string[] = []
  const get = async (url: string): Promise<Answer> => {
    const path = url.replace(SERVER, '').replace(/[?&]per_page=100|[?&](?:state|scope)=all|[?&]include_subgroups=true/g, '')
    asked.push(path)
    const all = answers[path] ?? []
    const one = all[Math.min(all.length - 1, asked.filter((other) => other === path).length - 1)]
    if (one instanceof Error) throw one
    if (one === undefined) return answer({ status: 404 })
    return Array.isArray(one) ? answer({ body: Buffer.from(JSON.stringify(one)) }) : answer(one as Partial<Answer>)
  }
  const wait = async (ms: number) => void waits.push(ms)
  const read = createPageReader(get, { say: (line) => said.push(line), wait, now: () => 1_000_000 })
  return { read, asked, waits, said }
}

/** What is collected, as texts by path, and what is skipped. */
async function collected(forge: Forge, path: string, answers: Readonly<Record<string, readonly Said[]>>) {
  const skipped: string[] = []
  const server = serve(answers)
  const texts: Record<string, string> = {}
  const works = collect(
    forge,
    { path },
    {
      ...{ server: SERVER, read: server.read, directory, say: () => undefined },
      skipped: ({ what, why }) => void skipped.push(`${what}: ${why}`),
    },
  )
  for await (const work of works) {
    if (work.kind === 'files') for (const one of work.paths) texts[one] = readFileSync(join(work.root, one), 'utf8')
  }
  assert.deepEqual(readdirSync(directory), [], 'nothing is left')
  return {
    texts: Object.keys(texts).sort(),
    skipped: skipped.filter((one) => !one.includes('localhost')),
    asked: server.asked,
    clones: skipped.length,
  }
}

describe('pages of a list', () => {
  const pages = async (server: ReturnType<typeof serve>): Promise<number> => {
    let count = 0
    for await (const _ of server.read(`${SERVER}/a`)) count += 1
    return count
  }

  test('are followed on their server, and on no other', async () => {
    const linked = (to: string): Said => ({ headers: { link: `<${SERVER}/x>; rel="prev", <${to}>; rel="next"` } })
    const server = serve({ '/a': [linked('/b')], '/b': [linked('https://evil.example/c')] })
    await assert.rejects(pages(server), /next page is not on the same server/)
    assert.deepEqual(server.asked, ['/a', '/b'])
    await assert.rejects(pages(serve({ '/a': [linked('/a')] })), /the rest was not looked at/)
  })

  test('that are no list, or have a name that is none, are not taken for an empty one', async () => {
    assert.deepEqual(itemsOf([{ id: 1 }, 'x', null]), [{ id: 1 }])
    for (const page of [{ message: 'sign in' }, undefined, null, 'x']) assert.throws(() => itemsOf(page), RemoteError)
    for (const name of ['acme/app', 'acme/.github', 'acme/-x', 'a/b/c']) assert.equal(needName(name), name)
    for (const name of ['', '-c/x', '../x', 'acme/..', 'acme/.', 'a//b', 'a/b c', 7, undefined])
      assert.throws(() => needName(name), RemoteError, String(name))
  })

  test('are waited for as long as the server says, and it is said', async () => {
    const limited = { status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1060' } }
    const server = serve({ '/a': [{ status: 429, headers: { 'retry-after': '7' } }, limited, { status: 502 }, []] })
    assert.equal(await pages(server), 1)
    assert.deepEqual(server.waits, [7000, 61_000, 2000])
    assert.deepEqual(server.said, ['localhost wants to be asked again in 7 s.', 'localhost wants to be asked again in 61 s.'])
  })

  test('are given up where that is too long, too often, or refused, with the reason', async () => {
    const problem = {
      status: 403,
      headers: { 'content-type': 'application/problem+json' },
      body: Buffer.from('{"detail":"Policy denies this"}'),
    }
    for (const [said, why, tries] of [
      [{ status: 429, headers: { 'retry-after': '90000' } }, /it answered 429/, 1],
      [{ status: 500 }, /it answered 500/, 5],
      [{ status: 301 }, /it answered 301/, 1],
      [problem, /Policy denies this/, 1],
      [new Error('cut off'), /no answer came: cut off/, 1],
    ] as const) {
      const server = serve({ '/a': [said] })
      await assert.rejects(pages(server), (thrown) => thrown instanceof RemoteError && why.test(thrown.message))
      assert.equal(server.asked.length, tries)
    }
  })
})

describe('what is on a server', () => {
  test('of GitHub: repositories, what was written in them, and gists of members; what cannot be had is skipped', async () => {
    const repo = '/api/v3/repos/acme/app'
    const { texts, skipped, asked } = await collected(github, 'acme', {
      '/api/v3/orgs/acme/repos': [[{ full_name: 'acme/app' }, { full_name: '../../etc' }]],
      [`${repo}/issues`]: [{ headers: { link: `<${SERVER}${repo}/issues?page=2>; rel="next"` } }],
      [`${repo}/issues?page=2`]: [[]],
      [`${repo}/issues/comments`]: [[]],
      [`${repo}/pulls/comments`]: [[]],
      '/api/v3/orgs/acme/members': [[{ login: 'ada' }]],
      '/api/v3/users/ada/gists': [[{ id: 'abc1' }, { id: '../../user' }]],
      '/api/v3/gists/abc1': [[]],
    })
    const of = ['comments/1', 'issues/1', 'issues/2', 'reviews/1'].map((name) => `acme/app/${name}.json`)
    assert.deepEqual(texts, [...of, 'acme/ada/gists/1.json', 'acme/ada/gists/abc1/1.json'].sort())
    assert.deepEqual(skipped, [
      'acme/app/commits: it answered 404',
      'acme, all but 1 repositories: a name in its list is not understood',
    ])
    assert.ok(!asked.some((path) => path.includes('..')))
  })

  test('of GitLab: projects of a group or one of them, their notes and snippets', async () => {
    const project = '/api/v4/projects/acme%2Fapp'
    const inside = {
      [`${project}/issues`]: [[{ iid: 1, user_notes_count: 2 }, { iid: 2, user_notes_count: 0 }, { iid: '../3' }]],
      [`${project}/issues/1/notes`]: [[]],
      [`${project}/merge_requests`]: [[{ iid: 4 }]],
      [`${project}/merge_requests/4/notes`]: [[]],
      [`${project}/snippets`]: [[{ id: 5 }]],
      [`${project}/snippets/5/raw`]: [{ body: Buffer.from('text') }],
    }
    const names = ['issues', 'issues/1/notes', 'merge_requests', 'merge_requests/4/notes', 'snippets', 'snippets/5/raw']
    const expected = names.map((name) => `acme/app/${name}/1.json`).sort()
    const group = await collected(gitlab, 'acme', {
      '/api/v4/groups/acme/projects': [[{ path_with_namespace: 'acme/app' }]],
      ...inside,
    })
    assert.deepEqual([group.texts, group.skipped], [expected, []])
    const one = await collected(gitlab, 'acme/app', { [project]: [{}], ...inside })
    assert.deepEqual([one.texts, one.skipped], [expected, []])
    const user = await collected(gitlab, 'ada', { '/api/v4/users/ada/projects': [[]] })
    assert.deepEqual([user.texts, user.clones], [[], 0])
  })

  test('that cannot be listed at all is an error; a list that breaks off is said', async () => {
    await assert.rejects(collected(github, 'none', {}), RemoteError)
    const broken = { headers: { link: `</2>; rel="next"` }, body: Buffer.from('[{"full_name":"acme/app"}]') }
    const { skipped } = await collected(github, 'acme', { '/api/v3/orgs/acme/repos': [broken] })
    assert.ok(skipped.includes('acme, all but 1 repositories: it answered 404'), String(skipped))
  })
})

describe('a remote place', () => {
  const output = { json: false, print: () => undefined, say: () => undefined }
  const context = (env: NodeJS.ProcessEnv) => ({ env, output }) as unknown as CommandContext

  test('is no path; without a task it is refused with the command to type', async () => {
    assert.deepEqual(['gitlab:acme/team/app', './github:x', 'bitbucket:x', undefined].map(isRemote), [true, false, false, false])
    await assert.rejects(
      openRemote('github:acme', { server: 'https://hub.acme.net' }, context({})),
      /type: stint run --task "scan acme" --target github -- stint scan github:acme --server https:\/\/hub\.acme\.net$/,
    )
  })

  test('is a name, at an address that has nothing to it', async () => {
    for (const text of ['github:', 'github:a/b/c', 'github:../x', 'gitlab:-x', 'github:a b', 'github:a//b', 'github:a%2fb'])
      await assert.rejects(openRemote(text, {}, context({ STINT_TASK: 't' })), /names nothing/, text)
    for (const server of ['http://a.example', 'https://u:p@a.example', 'https://a.example/x', 'a.example', 'https://a.example?x'])
      await assert.rejects(openRemote('github:a', { server }, context({ STINT_TASK: 't' })), /is not an address like/, server)
  })
})
