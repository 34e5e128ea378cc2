import type { Command } from 'commander'
import type { CredentialListing, Page } from '../../api/verbs.ts'
import { StintError } from '../../errors.ts'
import type { CommandContext, Register } from '../command.ts'
import { addList } from '../list.ts'
import { readSecret, type SecretSource } from '../read-secret.ts'
import { addRotation } from '../rotation.ts'
import { addSeal } from '../seal-credential.ts'
import { fromNow, table } from '../table.ts'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._~:@-]{0,63}$/
/** How well-known tokens begin: somebody typed the value where its name belongs. */
const TOKEN_LIKE = /^(?:gh[a-z]_|github_pat_|glpat-|sk-|sk_|pk_|rk_|xox|npm_|pypi-|hf_|AKIA|ASIA|AIza|eyJ)|^[A-Za-z0-9_-]{36,}$/

/** `stint credential add | replace | seal | recipe | rotate | rotation | list | remove | rotate-key`. A value is asked for, read from a file, a variable or a pipe; never an argument. */
export const register: Register = (program, context) => {
  const credential = program.command('credential').description('the standing credentials in the vault, never shown again')
  withSource(credential.command('add <name>'))
    .description('seal a credential in the vault')
    .action(async (name: string, source: SecretSource, command: Command) => {
      const id = checkName(name, command)
      const value = await readSecret(`Value of ${id}`, source, context.env)
      await context.call('POST', '/v1/credentials', { id, value: value.reveal() })
      context.output.print({ id }, () => `${id} is in the vault. Targets inject it; nothing shows it again.`)
    })
  withSource(credential.command('replace <name>'))
    .description('give a credential a new value by hand; what was obtained with the old one is dropped')
    .action(async (name: string, source: SecretSource, command: Command) => {
      const id = checkName(name, command)
      const value = await readSecret(`New value of ${id}`, source, context.env)
      await context.call('PUT', pathOf(id), { value: value.reveal() })
      context.output.print({ id }, () => `${id} has a new value. Now revoke the old one where it was made.`)
    })
  addRotation(credential, context, checkName)
  addSeal(withSource(credential.command('seal <name>')), context, checkName)
  registerList(credential, context)
  credential
    .command('rotate-key')
    .description('seal the vault under a new key and forget the old one; values stay')
    .addHelpText(
      'after',
      `
Broken off by a crash it has lost nothing: run it again. A copy of the database from before opens only with a copy of vault.key from before.`,
    )
    .action(async () => {
      const rotated = await context.call<{ credentials: number }>('POST', '/v1/vault/rotate-key')
      context.output.print(
        rotated,
        ({ credentials }) => `The vault has a new key; ${credentials} credentials are sealed under it.`,
      )
    })
}

function registerList(credential: Command, context: CommandContext): void {
  const { call, output } = context
  const list = credential.command('list').description('list the names in the vault')
  addList<CredentialListing>(list, context, { path: '/v1/credentials', limit: 500, text: listing })
  credential
    .command('remove <name>')
    .description('destroy a credential in the vault')
    .action(async (id: string) => {
      await call('DELETE', pathOf(id))
      output.print({ removed: id }, () => `${id} is destroyed here. Revoke it where it was made as well.`)
    })
}

/** Takes anything that follows the name, so that a value typed there is refused in our words and not repeated. */
function withSource(command: Command): Command {
  return command
    .option('--from-file <path>', 'read the value from a file')
    .option('--from-env <variable>', 'read the value from an environment variable')
    .allowExcessArguments(true)
    .allowUnknownOption(true)
}

function checkName(name: string, { args }: Command): string {
  const advice =
    'it stays in the shell’s history and in the process list: treat it as leaked. Give the value at the prompt, or by --from-file, --from-env or a pipe'
  if (args.length > 1)
    throw new StintError('invalid_argument', `only a name is taken here. If what follows it is a value, ${advice}`)
  if (NAME.test(name) && !TOKEN_LIKE.test(name)) return name
  throw new StintError(
    'invalid_argument',
    `a name is up to 64 of A-Z a-z 0-9 . _ ~ : @ -, and not the value itself. If this is a value, ${advice}`,
  )
}

function listing({ items }: Page<CredentialListing>): string {
  const now = Date.now()
  const rows = items.map(({ id, createdAt }) => [id, createdAt === undefined ? '-' : fromNow(createdAt, now)])
  return table(['CREDENTIAL', 'SEALED'], rows, 'No credentials. Add one with `stint credential add <name>`.')
}

function pathOf(id: string): string {
  return `/v1/credentials/${encodeURIComponent(id)}`
}
