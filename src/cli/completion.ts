import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import type { CommandContext } from './command.ts'

/** Where the names behind a placeholder come from. */
const NAMED: Readonly<Record<string, string>> = {
  task: '/v1/tasks?state=live&limit=100',
  target: '/v1/targets?limit=100',
  credential: '/v1/credentials?limit=100',
  issuer: '/v1/issuers?limit=100',
}

/** `stint completion <shell>` prints the script of a shell; the hidden `complete` is what that script asks. Call it last. */
export function addCompletion(program: Command): void {
  tab(program, { completionCommandName: 'completion' })
  program.commands
    .find((command) => command.name() === 'completion')
    ?.description('print the completion script of a shell')
    .addHelpText(
      'after',
      `
Examples:
  $ source <(stint completion bash)                               now, in bash
  $ stint completion zsh > "\${fpath[1]}/_stint"                   for good, in zsh
  $ stint completion fish > ~/.config/fish/completions/stint.fish  for good, in fish`,
    )
}

/** Offers the names that exist now wherever one belongs. When the server cannot be asked, there are simply none. */
export async function offerNames(program: Command, { call }: Pick<CommandContext, 'call'>): Promise<void> {
  const commands = everyCommand(program)
  for (const [placeholder, path] of Object.entries(NAMED)) {
    const places = commands.flatMap((command) => placesOf(command, placeholder))
    if (places.length === 0) continue
    const names = await call<{ items: readonly { id: string }[] }>('GET', path).then(
      ({ items }) => items.map(({ id }) => id),
      () => [],
    )
    for (const place of places) place.argChoices = names
  }
}

/** Arguments and options written `<task>`, and `<id>` under the command `task`. */
function placesOf(command: Command, placeholder: string): { argChoices?: string[] }[] {
  const isNamed = (name: string): boolean => name === placeholder || (name === 'id' && command.parent?.name() === placeholder)
  const options = command.options.filter(({ flags }) => flags.includes(`<${placeholder}>`))
  return [...command.registeredArguments.filter((argument) => isNamed(argument.name())), ...options]
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)]
}
