import { joined, member, type Shape } from './shape.ts'
import { unescapeHtml } from './unescape.ts'

/** The address of an issue, a pull or merge request, or a comment on one, at GitHub and at GitLab. */
const ADDRESS =
  /^https?:\/\/[^/]+\/([^\s#]+?)(?:\/-)?\/(?:issues|pull|merge_requests|work_items)\/(\d{1,12})(?:#\w*?-?r?(\d{1,20}))?$/

/** Issues, requests to merge and their comments: GitHub's and GitLab's REST APIs, and what `gh issue list --json` prints. */
export const forge: Shape = {
  members: [member('body', 'description'), member('number', 'iid', 'html_url', 'web_url', 'noteable_iid', 'url')],
  unescape: unescapeHtml,
  where(get) {
    const [, repository = '', addressed, comment] = ADDRESS.exec(get('html_url', 'web_url', 'url') ?? '') ?? []
    const number = get('number', 'iid', 'noteable_iid') ?? addressed
    if (number === undefined || !/^\d{1,12}$/.test(number)) return undefined
    const note = comment ?? (get('noteable_iid') && get('id'))
    const who = get('user.login', 'author.login', 'author.username')
    return joined(`${repository}#${number}`, note && `comment ${note}`, who)
  },
}
