import type { Config } from '../../config.ts'
import { StintError } from '../../errors.ts'
import type { CommandContext, Register } from '../command.ts'
import type { Check, Finding, Patient } from '../doctor/check.ts'
import { DATA } from '../doctor/data.ts'
import { MACHINE } from '../doctor/machine.ts'
import { SERVER, targetChecks } from '../doctor/server.ts'
import { loadConfig } from '../load-config.ts'
import { table } from '../table.ts'

type Row = Finding & { readonly what: string }

/** `stint doctor`: what newcomers get wrong, and how to mend it. Exit 1 when something fails. */
export const register: Register = (program, context) => {
  program
    .command('doctor')
    .description('find what is wrong with this installation and say how to mend it')
    .option('--target <target>', 'reach this target as the gateway would, without a credential')
    .action(async ({ target }: { target?: string }) => {
      const checks = target === undefined ? [...MACHINE, ...DATA, ...SERVER] : [targetChecks(target)]
      const rows = await examine(checks, await meet(context))
      const ok = rows.every((row) => row.state !== 'fail')
      context.output.print({ ok, checks: rows }, () => describe(rows))
      if (!ok) process.exitCode = 1
    })
}

async function meet({ env, home, call }: CommandContext): Promise<Patient> {
  const running = await call('GET', '/healthz').then(
    () => true,
    () => false,
  )
  return { env, home, call, running, now: Date.now(), ...readSettings(env, home) }
}

function readSettings(env: NodeJS.ProcessEnv, home: string): { config: Config | undefined; configError: string | undefined } {
  try {
    return { config: loadConfig(env, home), configError: undefined }
  } catch (thrown) {
    return { config: undefined, configError: wordsOf(thrown) }
  }
}

async function examine(checks: readonly Check[], patient: Patient): Promise<readonly Row[]> {
  return Promise.all(
    checks.map(async ({ what, look }): Promise<Row> => {
      try {
        return { what, ...(await look(patient)) }
      } catch (thrown) {
        return { what, state: 'fail', found: wordsOf(thrown), mend: 'the log of `stint start` may say more' }
      }
    }),
  )
}

function wordsOf(thrown: unknown): string {
  if (thrown instanceof StintError) return thrown.detail
  return thrown instanceof Error ? thrown.message : String(thrown)
}

function describe(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ state, what, found, mend }) => [
    [state, what, found],
    ...(mend === undefined ? [] : [['', '', `→ ${mend}`]]),
  ])
  const failed = rows.filter(({ state }) => state === 'fail').length
  const verdict = failed === 0 ? 'Nothing stands in the way.' : `${failed} to mend.`
  return `${table(['', 'WHAT', 'FOUND'], lines, '')}\n\n${verdict}`
}
