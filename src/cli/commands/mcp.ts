import type { PinnedTool } from '../../api/verbs.ts'
import type { Register } from '../command.ts'
import { table } from '../table.ts'

/** `stint mcp pin`. */
export const register: Register = (program, context) => {
  const mcp = program.command('mcp').description('servers of the Model Context Protocol')
  mcp
    .command('pin <target>')
    .description('take its tools as it defines them now; one that changes later is held back until it is taken again')
    .action(async (id: string) => {
      const path = `/v1/targets/${encodeURIComponent(id)}/pins`
      context.output.print(await context.call<{ items: PinnedTool[] }>('POST', path), listing)
    })
}

function listing({ items }: { readonly items: readonly PinnedTool[] }): string {
  const rows = items.map(({ name, digest, change }) => [name, change, digest])
  return table(['TOOL', 'SINCE IT WAS LAST TAKEN', 'SHA-256'], rows, 'It has no tools.')
}
