import { endpoint } from './endpoint.ts'
import { DONE, done } from './schemas.ts'

export const create = endpoint({
  summary:
    'Asks leave to take a backup, and leaves in the log that one is taken. Who may read the data directory then writes it.',
  response: done,
  status: 201,
  handle(verbs) {
    verbs.backups.allow()
    return DONE
  },
})
