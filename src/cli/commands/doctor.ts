import type { Register } from '../command.ts'
import type { Examined } from '../doctor/check.ts'
import { table } from '../table.ts'

/** `stint doctor`: what newcomers get wrong, and how to mend it. Exit 1 when something fails. */
export const register: Register = (program, context) => {
  program
    .command('doctor')
    .description('find what is wrong with this installation and say how to mend it')
    .option('--target <target>', 'reach this target as the gateway would, without a credential')
    .action(async ({ target }: { target?: string }) => {
      const { examine } = await import('../doctor/examine.ts')
      const rows = await examine(context, target)
      const ok = rows.every((row) => row.state !== 'fail')
      context.output.print({ ok, checks: rows }, () => describe(rows))
      if (!ok) process.exitCode = 1
    })
}

function describe(rows: readonly Examined[]): string {
  const lines = rows.flatMap(({ state, what, found, mend }) => [
    [state, what, found],
    ...(mend === undefined ? [] : [['', '', `→ ${mend}`]]),
  ])
  const failed = rows.filter(({ state }) => state === 'fail').length
  const verdict = failed === 0 ? 'Nothing stands in the way.' : `${failed} to mend.`
  return `${table(['', 'WHAT', 'FOUND'], lines, '')}\n\n${verdict}`
}
