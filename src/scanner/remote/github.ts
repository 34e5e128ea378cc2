import { type Forge, needName, type RemotePlace } from './forge.ts'
import { itemsOf, type ReadPages, RemoteError, readJson } from './read-pages.ts'

const FULL = 'per_page=100'

/** GitHub and GitHub Enterprise Server (docs.github.com/rest, version 2022-11-28). Pull requests are among its issues. */
export const github: Forge = {
  server: 'https://github.com',
  api: (server) => (server === 'https://github.com' ? 'https://api.github.com' : `${server}/api/v3`),

  async *list(api, { path }, read) {
    if (path.includes('/')) return yield path
    yield* namesOf(`${api}/orgs/${path}/repos?${FULL}`, `${api}/users/${path}/repos?${FULL}`, read)
  },

  writingsIn(api, repository) {
    const of = `${api}/repos/${repository}`
    return [
      { name: 'issues', url: `${of}/issues?state=all&${FULL}` },
      { name: 'comments', url: `${of}/issues/comments?${FULL}` },
      { name: 'reviews', url: `${of}/pulls/comments?${FULL}` },
      { name: 'commits', url: `${of}/comments?${FULL}` },
    ]
  },

  async *writingsOf(api, place, read) {
    if (place.path.includes('/')) return
    for (const login of await peopleOf(api, place, read)) {
      yield {
        name: `${login}/gists`,
        url: `${api}/users/${login}/gists?${FULL}`,
        more: (page) =>
          itemsOf(page).flatMap(({ id }) =>
            typeof id === 'string' && /^[0-9a-f]{1,64}$/.test(id)
              ? [{ name: `${login}/gists/${id}`, url: `${api}/gists/${id}` }]
              : [],
          ),
      }
    }
  },
}

/** The members of an organisation that may be seen; a user is their own. */
async function peopleOf(api: string, { path: owner }: RemotePlace, read: ReadPages): Promise<readonly string[]> {
  const logins: string[] = []
  try {
    for await (const page of read(`${api}/orgs/${owner}/members?${FULL}`))
      logins.push(...itemsOf(readJson(page)).map(({ login }) => needName(login)))
  } catch (thrown) {
    if (thrown instanceof RemoteError && thrown.status === 404) return [owner]
    throw thrown
  }
  return logins
}

/** Repositories of an organisation, or of a user where there is no such organisation. */
async function* namesOf(organisation: string, user: string, read: ReadPages): AsyncGenerator<string> {
  try {
    yield* fullNames(organisation, read)
  } catch (thrown) {
    if (!(thrown instanceof RemoteError) || thrown.status !== 404) throw thrown
    yield* fullNames(user, read)
  }
}

async function* fullNames(url: string, read: ReadPages): AsyncGenerator<string> {
  for await (const page of read(url)) for (const { full_name: name } of itemsOf(readJson(page))) yield needName(name)
}
