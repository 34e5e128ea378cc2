import type { Operation } from '../../model.ts'
import { tryReadPush } from './git.ts'

/** Refs that people are told of one by one. */
const MOST_LINES = 50

/** Which refs a push moves, and from where to where: a pack says that to nobody. No lines for what is no push. Attacker-controlled. */
export function tellPush({ path, body }: Operation): readonly string[] {
  const commands = path.endsWith('/git-receive-pack') ? (tryReadPush(body)?.commands ?? []) : []
  const lines = commands.slice(0, MOST_LINES).map(({ kind, ref, from, to }) => `${kind} ${ref}: ${from} → ${to}`)
  return commands.length > MOST_LINES ? [...lines, `and ${commands.length - MOST_LINES} more refs`] : lines
}
