import { text } from 'node:stream/consumers'
import { askByProxy, type Want } from './ask.ts'
import { answerAws } from './aws.ts'
import { answerDocker } from './docker.ts'
import { answerGit } from './git.ts'
import { answerKubectl } from './kubectl.ts'
import { PLUG_VARIABLE, Refused, readPlan } from './plan.ts'

/** The plug points that are programs. Their argument: git's and Docker's verb, the target of AWS and kubectl. */
export const PLUGS = ['git', 'aws', 'kubectl', 'docker'] as const
export type Plug = (typeof PLUGS)[number]

/** What a program of a plug point does in its turn. */
export interface Answered {
  readonly code: 0 | 1
  readonly stdout: string
  readonly stderr: string
}

/**
 * Gives the program what its task's target takes: a placeholder where the gateway replaces it, what was minted where the operator lets
 * that be handed out. A refusal is one line on standard error and exit 1; inside a task Docker reads it on standard output. Never rejects.
 */
export async function plugIn(
  plug: Plug,
  argument: string | undefined,
  env: NodeJS.ProcessEnv,
  stdin: AsyncIterable<Uint8Array>,
): Promise<Answered> {
  try {
    const plan = readPlan(env)
    const ask = (want: Want) => askByProxy(want, env)
    const read = () => text(stdin)
    switch (plug) {
      case 'git':
        return done(await answerGit(argument ?? '', await read(), plan, ask))
      case 'aws':
        return done(await answerAws(argument, plan, ask))
      case 'kubectl':
        return done(await answerKubectl(argument, env.KUBERNETES_EXEC_INFO, plan, ask))
      case 'docker':
        return done(await answerDocker(argument ?? '', argument === 'list' ? '' : await read(), plan, ask))
    }
  } catch (thrown) {
    const line = `${thrown instanceof Refused ? thrown.message : 'it failed; nothing was given'}\n`
    const isRead = plug === 'docker' && (env[PLUG_VARIABLE] ?? '') !== ''
    return { code: 1, stdout: isRead ? line : '', stderr: `stint: ${line}` }
  }
}

const UNKNOWN: Answered = { code: 1, stdout: '', stderr: `stint: there are plugs for ${PLUGS.join(', ')}\n` }

function done(stdout: string): Answered {
  return { code: 0, stdout, stderr: '' }
}

/** Run by itself, inside a task: it and the files beside it are all of Stint that is there. */
if (import.meta.main) {
  const [name, argument] = process.argv.slice(2)
  const plug = PLUGS.find((one) => one === name)
  const { code, stdout, stderr } = plug === undefined ? UNKNOWN : await plugIn(plug, argument, process.env, process.stdin)
  process.stderr.write(stderr)
  process.stdout.write(stdout)
  process.exitCode = code
}
