import { setTimeout as sleep } from 'node:timers/promises'
import { isMembers } from '../../members.ts'

/** One GET. Rejects when there is no answer. */
export type Get = (url: string) => Promise<Answer>

/** Attacker-controlled. Names of headers are lower-case. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** The pages of a list, or the one of what has no more. Rejects with RemoteError. */
export type ReadPages = (url: string) => AsyncGenerator<Buffer>

/** A page that was not to be had. Its message says why; `status` is 0 where there was no answer. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError'
  readonly status: number
  constructor(message: string, status = 0) {
    super(message)
    this.status = status
  }
}

export interface Waits {
  /** Says that it waits, and how long. */
  say(line: string): void
  /** Waits; for tests. */
  readonly wait?: (ms: number) => Promise<unknown>
  readonly now?: () => number
}

const MOST_PAGES = 10_000
const MOST_TRIES = 5
/** GitHub's and GitLab's limits are of an hour at most (docs.github.com, "Rate limits for the REST API"; docs.gitlab.com, "Rate limits"). */
const MOST_WAIT_MS = 3_700_000
const WAIT_MS = 2000

/** Reads lists page by page (RFC 8288, `rel="next"`), waiting where a server says so. What leads to another server is not followed. */
export function createPageReader(get: Get, { say, wait = sleep, now = Date.now }: Waits): ReadPages {
  async function ask(url: string): Promise<Answer> {
    for (let tries = 1; ; tries += 1) {
      const answer = await get(url).catch((thrown: unknown) => {
        throw new RemoteError(`no answer came: ${thrown instanceof Error ? thrown.message : thrown}`)
      })
      if (answer.status === 200) return answer
      const ms = waitOf(answer, now())
      if (ms === undefined || ms > MOST_WAIT_MS || tries === MOST_TRIES) throw new RemoteError(whyOf(answer), answer.status)
      if (ms > WAIT_MS) say(`${new URL(url).hostname} wants to be asked again in ${Math.ceil(ms / 1000)} s.`)
      await wait(ms)
    }
  }

  return async function* (first) {
    let url: string | undefined = first
    for (let pages = 0; url !== undefined; pages += 1) {
      if (pages === MOST_PAGES) throw new RemoteError(`it has more than ${MOST_PAGES} pages`)
      const answer: Answer = await ask(url)
      yield answer.body
      url = nextOf(answer, url)
    }
  }
}

/** How long a server wants to be left alone; undefined where it will not say anything else. */
function waitOf({ status, headers }: Answer, now: number): number | undefined {
  if (status >= 500) return WAIT_MS
  if (status !== 429 && status !== 403) return undefined
  const seconds = headers['retry-after']
  if (seconds !== undefined && /^\d{1,6}$/.test(seconds)) return Number(seconds) * 1000
  const left = headers['x-ratelimit-remaining'] ?? headers['ratelimit-remaining']
  const reset = headers['x-ratelimit-reset'] ?? headers['ratelimit-reset']
  if (left === '0' && reset !== undefined && /^\d{1,12}$/.test(reset)) return Math.max(0, Number(reset) * 1000 - now) + 1000
  return status === 429 ? WAIT_MS : undefined
}

/** A refusal of Stint's says in words why (RFC 9457). */
function whyOf({ status, headers, body }: Answer): string {
  if (headers['content-type']?.startsWith('application/problem+json')) {
    const said = readJson(body) as { detail?: unknown; title?: unknown } | null
    const words = said?.detail ?? said?.title
    if (typeof words === 'string') return words.slice(0, 300)
  }
  return `it answered ${status}`
}

function nextOf({ headers }: Answer, url: string): string | undefined {
  const link = /<([^<>]{1,4000})>\s*;(?:[^,<]*;)?\s*rel="?next"?/i.exec(headers.link ?? '')?.[1]
  if (link === undefined) return undefined
  const next = URL.parse(link, url)
  if (next !== null && next.origin === new URL(url).origin && next.href !== url) return next.href
  throw new RemoteError('its next page is not on the same server, so that the rest was not looked at')
}

/** The value of JSON that somebody else wrote; undefined for what is none. */
export function readJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined // attacker-controlled: it is read as text then
  }
}

/** The objects of a page that is a list. Throws RemoteError for one that is none, such as a page to sign in. */
export function itemsOf(page: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(page)) throw new RemoteError('it answered with something else than a list')
  return page.filter(isMembers)
}
