import type { Action } from '../../model.ts'
import type { AnswerStart, Undo } from '../connector.ts'

/** What takes back what GitHub made at a path: the request to where that is. `at` is where such things are, from where they are made. */
interface Inverse {
  readonly method: 'PATCH' | 'DELETE'
  readonly body?: string
  readonly at?: readonly [made: RegExp, is: string]
}

const CLOSE: Inverse = { method: 'PATCH', body: '{"state":"closed"}' }
const DELETE: Inverse = { method: 'DELETE' }

/** GitHub REST API: by action, where a POST answers 201 with a `Location`, and the thing made has an inverse that harms nothing else. */
const INVERSES: ReadonlyMap<string, Inverse> = new Map([
  ['github:Issue::create', CLOSE],
  ['github:PullRequest::create', CLOSE],
  ['github:Issue::comment', { ...DELETE, at: [/\/issues\/\d+\/comments$/, '/issues/comments'] }],
  ['github:PullRequest::comment', { ...DELETE, at: [/\/pulls\/\d+\/comments$/, '/pulls/comments'] }],
  ['github:Commit::comment', { ...DELETE, at: [/\/commits\/[^/]+\/comments$/, '/comments'] }],
  ['github:Label::create', DELETE],
  ['github:Milestone::create', DELETE],
  ['github:Release::create', DELETE],
  ['github:DeployKey::create', DELETE],
  ['github:Webhook::create', DELETE],
  ['github:Gist::create', DELETE],
])

/** One segment that names the thing: no dot segment, no escape of anything but blanks and letters beyond ASCII. */
const NAME = /^(?!\.{1,2}$)(?:[\w.~-]|%20|%[89A-F][0-9A-F])+$/i

/**
 * What takes back what was made, if the answer clearly says where it is. Its `Location` is attacker-controlled and never gone to: only the
 * last segment is taken from it, and only where everything before is the place the request itself went to.
 */
export function inverseOf({ asked, status, headers: { location } }: AnswerStart, { id }: Action): Undo | undefined {
  const inverse = INVERSES.get(id)
  if (inverse === undefined || status !== 201 || asked.method !== 'POST' || asked.query !== '' || typeof location !== 'string')
    return undefined
  const { method, body, at } = inverse
  const place = at === undefined ? asked.path : asked.path.replace(...at)
  const name = location.slice(location.lastIndexOf('/') + 1)
  const port = asked.port === (asked.scheme === 'https' ? 443 : 80) ? '' : `:${asked.port}`
  const before = `${asked.scheme}://${asked.host}${port}${place}/`
  if (!NAME.test(name) || location.slice(0, -name.length).toLowerCase() !== before.toLowerCase()) return undefined
  return { is: 'call', method, path: `${place}/${name}`, ...(body !== undefined && { body }) }
}
