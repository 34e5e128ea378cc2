import { joined, member, type Shape } from './shape.ts'
import { unescapeHtml } from './unescape.ts'

const IDENTIFIER = /^[A-Z][A-Z0-9]{0,20}-\d{1,9}$/

/** Issues of Linear: its GraphQL API, and the table that it exports (linear.app/docs/exporting-data). */
export const linear: Shape = {
  members: [member('identifier'), member('title')],
  columns: ['id', 'team', 'title', 'description'],
  unescape: unescapeHtml,
  where(get) {
    const identifier = get('identifier', 'ID')
    if (identifier === undefined || !IDENTIFIER.test(identifier)) return undefined
    return joined(identifier, get('creator.displayName', 'creator.name', 'Creator'))
  },
}
