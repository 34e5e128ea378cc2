import { Argument, type Command } from 'commander'
import type { CommandContext } from './command.ts'
import { suggest } from './suggest.ts'

/**
 * The script of each shell. It hands the words over as they are, never to `eval`: what a half-typed line says must not run on Tab.
 * Each line of the answer is a value, a tab and a description.
 */
const SCRIPTS = {
  bash: `_stint() {
  local value about
  COMPREPLY=()
  while IFS=$'\\t' read -r value about; do
    COMPREPLY+=("$value")
  done < <(stint complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _stint stint
`,
  zsh: `#compdef stint
_stint() {
  local -a found
  local line
  while IFS= read -r line; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(stint complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( $#found )); then _describe stint found; else _files; fi
}
if [[ "\${funcstack[1]}" == _stint ]]; then _stint "$@"; else compdef _stint stint; fi
`,
  fish: `function __stint_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l found (stint complete -- $words[2..-1] "$current" 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path "$current"
  end
end
complete -c stint -f -a '(__stint_complete)'
`,
} as const

/** `stint completion <shell>` prints the script of a shell; the hidden `complete` is what that script asks. */
export function addCompletion(program: Command, { output, call }: Pick<CommandContext, 'output' | 'call'>): void {
  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'your shell').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(stint completion bash)                               now, in bash
  $ stint completion zsh > "\${fpath[1]}/_stint"                   for good, in zsh
  $ stint completion fish > ~/.config/fish/completions/stint.fish  for good, in fish`,
    )
    .action((shell: keyof typeof SCRIPTS) => output.print({ shell, script: SCRIPTS[shell] }, ({ script }) => script))
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: readonly string[]) => {
      const found = await suggest(program, words, (path) => namesAt(path, call))
      output.print(found, (all) => all.map(({ value, about }) => `${value}\t${about}`).join('\n'))
    })
}

/** The ids a list route answers now. When the server cannot be asked there are none: Tab is no place for an error. */
async function namesAt(path: string, call: CommandContext['call']): Promise<readonly string[]> {
  try {
    const { items } = await call<{ items: readonly { id: string }[] }>('GET', path)
    return items.map(({ id }) => id)
  } catch {
    return []
  }
}
