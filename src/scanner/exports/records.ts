import { joined, member, type Shape } from './shape.ts'
import { unescapeHtml } from './unescape.ts'

/** Any list of messages: each has an id, a text and somebody who wrote it. */
export const records: Shape = {
  members: [
    member('id', 'uuid', '_id', 'message_id', 'ticket_id'),
    member('text', 'body', 'message', 'content', 'description', 'comment'),
    member('user', 'author', 'from', 'sender', 'creator', 'created_by', 'user_id', 'author_id', 'requester'),
  ],
  columns: ['id', 'author'],
  unescape: unescapeHtml,
  where(get, { number }) {
    const id = get('id', 'ID', 'Id', 'uuid', '_id', 'message_id', 'ticket_id')
    const who = get(
      'user.name',
      'author.name',
      'user',
      'author',
      'Author',
      'from',
      'sender',
      'creator',
      'created_by',
      'requester',
    )
    return joined(`record ${number}`, id && `id ${id}`, who)
  },
}
