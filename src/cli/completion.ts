import { Argument, type Command } from 'commander'
import type { CommandContext } from './command.ts'
import { type Suggestion, suggest } from './suggest.ts'

/**
 * The script of each shell. It hands the words over as they are, never to `eval`: what a half-typed line says must not run on Tab.
 * The first line of the answer says what the shell may offer of its own; each other one is a value, a tab and a description.
 */
const SCRIPTS = {
  bash: `_stint_command() {
  local i=1
  while [[ "\${COMP_WORDS[i]}" != -- ]] && (( i < COMP_CWORD )); do (( i++ )); done
  if declare -F _comp_command_offset >/dev/null; then _comp_command_offset $(( i + 1 ))
  elif declare -F _command_offset >/dev/null; then _command_offset $(( i + 1 ))
  elif (( COMP_CWORD == i + 1 )); then
    while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -c -- "\${COMP_WORDS[COMP_CWORD]}")
  else compopt -o default
  fi
}
_stint() {
  local also= value about
  COMPREPLY=()
  while IFS=$'\\t' read -r value about; do
    if [[ -z $also ]]; then also=$value; else COMPREPLY+=("$value"); fi
  done < <(stint complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $also in
    files) compopt -o default ;;
    command) _stint_command ;;
  esac
}
complete -F _stint stint
`,
  zsh: `#compdef stint
_stint() {
  local -a found
  local also= line at
  while IFS= read -r line; do
    if [[ -z $also ]]; then also=$line
    else found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done < <(stint complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  case $also in
    files) _files ;;
    command)
      at=\${words[(i)--]}
      words=("\${(@)words[at+1,-1]}")
      (( CURRENT -= at ))
      _normal -p stint ;;
    *) (( $#found )) && _describe -V stint found ;;
  esac
}
if [[ "\${funcstack[1]}" == _stint ]]; then _stint "$@"; else compdef _stint stint; fi
`,
  fish: `function __stint_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l found (stint complete -- $words[2..-1] "$current" 2>/dev/null)
  switch "$found[1]"
    case files
      __fish_complete_path "$current"
    case command
      set -l at (contains -i -- -- $words)
      __fish_complete_subcommand --commandline $words[(math $at + 1)..-1] "$current"
    case '*'
      test (count $found) -gt 1; and printf '%s\\n' $found[2..-1]
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
      takeHome(program, words)
      const found = await suggest(program, words, (path) => namesAt(path, call))
      output.print(found, ({ also, values }) => [also, ...values.map(({ value, about }) => `${value}\t${about}`)].join('\n'))
    })
}

/** The names offered are those of the installation that the typed line names. */
function takeHome(program: Command, words: readonly string[]): void {
  const before = words.slice(0, -1)
  const home = before[before.indexOf('--home') + 1]
  if (before.includes('--home') && home !== undefined) program.setOptionValue('home', home)
}

/** What a list route answers now. When the server cannot be asked there is nothing: Tab is no place for an error. */
async function namesAt(path: string, call: CommandContext['call']): Promise<readonly Suggestion[]> {
  try {
    const { items } = await call<{ items: readonly Named[] }>('GET', path)
    return items.map(({ id, number, purpose, reason, connector }) => ({
      value: String(id ?? number),
      about: oneLine(purpose ?? reason ?? connector ?? ''),
    }))
  } catch {
    return []
  }
}

/** What tells one item of a list from another. */
interface Named {
  readonly id?: string
  readonly number?: number
  readonly purpose?: string
  readonly reason?: string
  readonly connector?: string
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').slice(0, 60)
}
