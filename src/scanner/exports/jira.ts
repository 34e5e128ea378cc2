import { joined, member, type Shape } from './shape.ts'
import { unescapeHtml } from './unescape.ts'

const KEY = /^[A-Z][A-Z0-9_]{0,30}-\d{1,9}$/

/** Issues of Jira: its REST API (developer.atlassian.com, "Issue search"), and the tables that it exports. */
export const jira: Shape = {
  members: [member('key'), member('fields')],
  columns: ['issue key', 'summary'],
  unescape: unescapeHtml,
  where(get) {
    const key = get('key', 'Issue key')
    if (key === undefined || !KEY.test(key)) return undefined
    return joined(key, get('fields.reporter.displayName', 'fields.creator.displayName', 'Reporter', 'Creator'))
  },
}
