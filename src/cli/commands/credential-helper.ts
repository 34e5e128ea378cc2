import { Argument } from 'commander'
import { PLUGS, type Plug } from '../../run/plug/main.ts'
import type { Register } from '../command.ts'

const MORE = `
It works inside a task only: \`stint run\` sets it up by itself for the targets of the task, and outside of one it refuses.
For programs with settings of their own:
  git        credential.helper = !stint helper git
  aws        credential_process = stint helper aws TARGET
  kubectl    user.exec of client.authentication.k8s.io/v1: command stint, args [helper, kubectl, TARGET]
  docker     docker-credential-stint, which is in the PATH of every task`

/** Adds `stint helper`: what git, AWS's SDKs, kubectl and Docker run to be given a credential. */
export const register: Register = (program, { env }) => {
  program
    .command('helper')
    .description('give a program the credential of its task, in the way of git, AWS, kubectl or Docker')
    .addArgument(new Argument('<program>', 'whose way').choices(PLUGS))
    .argument('[what]', 'git and docker: the verb; aws and kubectl: the target')
    .addHelpText('after', MORE)
    .action(async (plug: Plug, what: string | undefined) => {
      const { plugIn } = await import('../../run/plug/main.ts')
      const { code, stdout, stderr } = await plugIn(plug, what, env, process.stdin)
      process.stderr.write(stderr)
      process.stdout.write(stdout)
      process.exitCode = code
    })
}
