import { joined, member, type Shape } from './shape.ts'
import { unescapeSlack } from './unescape.ts'

const TIMESTAMP = /^(\d{10})\.\d{6}$/

/** A day of a channel in a Slack export (slack.com/help, "How to read Slack data exports"): `CHANNEL/DATE.json`, a list of messages. */
export const slack: Shape = {
  members: [member('ts'), member('type'), member('text')],
  unescape: unescapeSlack,
  where(get, { name }) {
    const ts = get('ts')
    const seconds = TIMESTAMP.exec(ts ?? '')?.[1]
    if (seconds === undefined) return undefined
    const channel = /([^/!]+)\/\d{4}-\d{2}-\d{2}\.json$/.exec(name)?.[1]
    const user = get('user_profile.display_name', 'user_profile.real_name', 'user_profile.name', 'user', 'username', 'bot_id')
    const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 10)
    return joined(channel && `#${channel}`, date, user, `message ${ts}`)
  },
}
