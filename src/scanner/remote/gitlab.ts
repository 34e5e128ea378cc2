import { type Forge, needName, type Writings } from './forge.ts'
import { itemsOf, type ReadPages, RemoteError, readJson } from './read-pages.ts'

const FULL = 'per_page=100'

/** GitLab (docs.gitlab.com/api/rest). Its comments are notes, asked for where there are some. */
export const gitlab: Forge = {
  server: 'https://gitlab.com',
  api: (server) => `${server}/api/v4`,

  /** `acme/team` is a project or a group: nothing but asking tells. */
  async *list(api, { path }, read) {
    const owner = encodeURIComponent(path)
    if (path.includes('/') && (await isThere(`${api}/projects/${owner}`, read))) return yield path
    const group = `${api}/groups/${owner}/projects?include_subgroups=true&${FULL}`
    try {
      yield* fullNames(group, read)
    } catch (thrown) {
      if (!(thrown instanceof RemoteError) || thrown.status !== 404) throw thrown
      yield* fullNames(`${api}/users/${owner}/projects?${FULL}`, read)
    }
  },

  writingsIn(api, repository) {
    const of = `${api}/projects/${encodeURIComponent(repository)}`
    const noted = (kind: string): Writings => ({
      name: kind,
      url: `${of}/${kind}?scope=all&${FULL}`,
      more: (page) =>
        numbersOf(page, 'iid', ({ user_notes_count: count }) => count !== 0).map((iid) => ({
          name: `${kind}/${iid}/notes`,
          url: `${of}/${kind}/${iid}/notes?${FULL}`,
        })),
    })
    return [
      noted('issues'),
      noted('merge_requests'),
      {
        name: 'snippets',
        url: `${of}/snippets?${FULL}`,
        more: (page) => numbersOf(page, 'id').map((id) => ({ name: `snippets/${id}/raw`, url: `${of}/snippets/${id}/raw` })),
      },
    ]
  },

  /** Snippets of people are not listed by group. */
  async *writingsOf() {},
}

async function isThere(url: string, read: ReadPages): Promise<boolean> {
  try {
    for await (const _ of read(url)) return true
    return false
  } catch (thrown) {
    if (thrown instanceof RemoteError && thrown.status === 404) return false
    throw thrown
  }
}

function numbersOf(page: unknown, name: string, wanted = (_: Readonly<Record<string, unknown>>): boolean => true): number[] {
  return itemsOf(page).flatMap((item) => {
    const { [name]: number } = item
    return Number.isSafeInteger(number) && wanted(item) ? [number as number] : []
  })
}

async function* fullNames(url: string, read: ReadPages): AsyncGenerator<string> {
  for await (const page of read(url)) for (const { path_with_namespace: name } of itemsOf(readJson(page))) yield needName(name)
}
