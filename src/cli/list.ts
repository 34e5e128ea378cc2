import type { Command } from 'commander'
import type { Page } from '../api/verbs.ts'
import type { CommandContext } from './command.ts'

/** The options of a command as they were given. */
export type Options = Readonly<Record<string, string | undefined>>

/** What a list command asks, and how it says it to people. */
export interface List<T> {
  /** The list route. */
  readonly path: string
  /** How many it shows when nobody says. */
  readonly limit: number
  /** What its own options ask of the route; nothing unless given. */
  queryOf?(options: Options): Readonly<Record<string, string>>
  text(page: Page<T>): string
}

/** Makes a list of `command`: `--limit` and `--cursor`, one page printed (itself under `--json`), and how to go on after it. */
export function addList<T>(command: Command, { call, output }: CommandContext, list: List<T>): Command {
  return command
    .option('--limit <number>', 'at most so many', String(list.limit))
    .option('--cursor <text>', 'go on after a page: its `next`')
    .action(async ({ limit, cursor, ...own }: Options) => {
      const query = { ...list.queryOf?.(own), ...(limit !== undefined && { limit }), ...(cursor !== undefined && { cursor }) }
      const page = await call<Page<T>>('GET', `${list.path}?${new URLSearchParams(query)}`)
      output.print(page, (one) => list.text(one) + (one.next === undefined ? '' : `\n\nMore with --cursor ${one.next}`))
    })
}
