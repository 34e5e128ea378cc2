import type { Config } from '../../config.ts'
import { StintError } from '../../errors.ts'
import type { CommandContext } from '../command.ts'
import { loadConfig } from '../load-config.ts'
import type { Examined, Patient } from './check.ts'
import { DATA } from './data.ts'
import { MACHINE } from './machine.ts'
import { SERVER, targetChecks } from './server.ts'

/** Runs every check, or those of one target, and answers what each found. */
export async function examine(context: CommandContext, target: string | undefined): Promise<readonly Examined[]> {
  const checks = target === undefined ? [...MACHINE, ...DATA, ...SERVER] : [targetChecks(target)]
  const patient = await meet(context)
  return Promise.all(
    checks.map(async ({ what, look }): Promise<Examined> => {
      try {
        return { what, ...(await look(patient)) }
      } catch (thrown) {
        return { what, state: 'fail', found: wordsOf(thrown), mend: 'the log of `stint start` may say more' }
      }
    }),
  )
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

function wordsOf(thrown: unknown): string {
  if (thrown instanceof StintError) return thrown.detail
  return thrown instanceof Error ? thrown.message : String(thrown)
}
