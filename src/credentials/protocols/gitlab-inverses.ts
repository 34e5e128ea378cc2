import type { Action } from '../../model.ts'
import type { AnswerReader, AnswerStart, Undo } from '../connector.ts'
import { createTap } from './tap.ts'

/** What takes back what GitLab made at a path: a request to the path and the number that the answer's member says. */
interface Inverse {
  readonly method: 'PUT' | 'DELETE'
  readonly member: 'id' | 'iid'
  readonly body?: string
}

const CLOSE: Inverse = { method: 'PUT', member: 'iid', body: '{"state_event":"close"}' }
const DELETE: Inverse = { method: 'DELETE', member: 'id' }

/** GitLab REST API: by what is made in a project, where the answer to a POST is the thing made and its inverse harms nothing else. */
const INVERSES: Readonly<Record<string, Inverse>> = {
  issues: CLOSE,
  merge_requests: CLOSE,
  notes: DELETE,
  labels: DELETE,
  milestones: DELETE,
  hooks: DELETE,
  deploy_keys: DELETE,
  snippets: DELETE,
}
const MADE =
  /^\/api\/v4\/projects\/[^/]+\/(?:(?<made>issues|merge_requests|labels|milestones|hooks|deploy_keys|snippets)|(?:issues|merge_requests)\/\d+\/(?<said>notes))$/

/** For a POST that makes one of these, notes what takes it back, if the answer says its number. Attacker-controlled. */
export function undoOfMade({ asked, status }: AnswerStart, { id }: Action, note: (undo: Undo) => void): AnswerReader | undefined {
  const { made, said = made ?? '' } = MADE.exec(asked.path)?.groups ?? {}
  const inverse = Object.hasOwn(INVERSES, said) ? INVERSES[said] : undefined
  if (inverse === undefined || status !== 201 || id !== 'http:POST') return undefined
  const { method, member, body } = inverse
  return createTap((answer) => {
    const number = numberIn(answer, member)
    if (number !== undefined) note({ is: 'call', method, path: `${asked.path}/${number}`, ...(body !== undefined && { body }) })
  })
}

function numberIn(answer: Buffer, member: string): number | undefined {
  try {
    const value: unknown = JSON.parse(answer.toString('utf8'))
    const found = typeof value === 'object' && value !== null && Object.hasOwn(value, member) ? Reflect.get(value, member) : 0
    return Number.isSafeInteger(found) && found > 0 ? found : undefined
  } catch {
    return undefined // no JSON: it says nothing
  }
}
