import type { Command } from 'commander'
import { SETTINGS } from '../config.ts'
import { EXIT_CODES } from './failure.ts'
import { createProgram } from './program.ts'

/** docs/reference/cli.md: every command with its help, as the program itself shows it. */
export function cliReference(): string {
  const nowhere = { write: () => true }
  const { program } = createProgram({ STINT_HOME: '/stint' }, { out: nowhere, err: nowhere })
  program.configureHelp({ helpWidth: 110 })
  const codes = Object.entries(EXIT_CODES).map(([code, meaning]) => `| ${code} | ${meaning} |`)
  return `# Command line

Every command takes \`--json\` and \`--home\`. Results go to standard output, everything else to standard error; an error is one line
\`stint: …\` and one line \`next: …\`, or one JSON value under \`--json\`. The data directory is \`--home\`, else \`STINT_HOME\`, else
\`$XDG_DATA_HOME/stint\`. The ${Object.keys(SETTINGS).length} settings are in [config](config.md).

| exit | meaning |
|---|---|
${codes.join('\n')}

\`stint run\` ends with the exit code of the command it ran, as a shell has it: 126 when it cannot be run, 127 when there is none, 128 and the
number of the signal that ended it.

${everyCommand(program).map(section).join('\n')}`
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.filter((one) => one.name() !== 'complete').flatMap(everyCommand)]
}

function section(command: Command): string {
  const name = `${command.parent ? `${pathOf(command.parent)} ` : ''}${command.name()}`
  return `## ${name}\n\n\`\`\`text\n${textOf(command).trimEnd()}\n\`\`\`\n`
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}

/** The help with what \`addHelpText\` adds to it. */
function textOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 110 })
  command.outputHelp()
  return text
}
