import type { Command } from 'commander'
import type { Seal } from '../glass/seal.ts'
import { parseDuration } from '../run/duration.ts'
import type { CommandContext } from './command.ts'
import { readSecret, type SecretSource } from './read-secret.ts'

interface SealOptions extends SecretSource {
  readonly target: string
  readonly openBy: string
  readonly for: string
  readonly rotation: boolean
  readonly inVault?: true
}

/** `stint credential seal`. `command` takes a name and where a value comes from; `checkName` refuses what may be a value. */
export function addSeal(
  command: Command,
  { call, output, env }: CommandContext,
  checkName: (name: string, command: Command) => string,
): void {
  command
    .description('seal a credential for emergencies: no policy reaches it, people open it to one task')
    .requiredOption('--target <target>', 'the one target that it is used on')
    .requiredOption('--open-by <role>', 'who opens it, such as "2 of role:oncall" (setting `approvers`)')
    .requiredOption('--for <duration>', 'how long it is open at most, 30m for example')
    .option('--in-vault', 'seal the one of this name that the vault has, with its recipe; no value is asked for')
    .option('--no-rotation', 'no recipe rotates it: a person replaces its value after each opening')
    .addHelpText(
      'after',
      '\nA seal is never changed; `stint credential remove` destroys it with its credential. See docs/break-glass.md.',
    )
    .action(async (name: string, options: SealOptions, self: Command) => {
      const id = checkName(name, self)
      const { target: targetId, openBy, rotation, inVault } = options
      const value = inVault === true ? undefined : (await readSecret(`Value of ${id}`, options, env)).reveal()
      const sealed = await call<Seal>('POST', '/v1/seals', {
        ...{ credentialId: id, targetId, openBy, seconds: parseDuration(options.for, '--for'), byHand: !rotation },
        ...(value !== undefined && { value }),
      })
      output.print(sealed, () => `${id} is sealed: ${openBy} opens it. Try it: stint break-glass open ${id} --task … --reason …`)
    })
}
