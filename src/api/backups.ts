import { z } from 'zod'
import { endpoint } from './endpoint.ts'

export const create = endpoint({
  summary:
    'Asks leave to take a backup, and leaves in the log that one is taken. Who may read the data directory then writes it.',
  response: z
    .object({
      sharedAs: z.string().exactOptional().describe('Where the state is in PostgreSQL: this gateway’s name on its roll.'),
    })
    .meta({ id: 'BackupLeave' }),
  status: 201,
  handle: (verbs) => verbs.backups.allow(),
})
