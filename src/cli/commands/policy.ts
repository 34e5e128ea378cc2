import { join, resolve } from 'node:path'
import { StintError } from '../../errors.ts'
import type { CaseResult, Checked } from '../../policy/check.ts'
import type { PolicyFinding } from '../../policy/explain.ts'
import type { Replay } from '../../policy/replay.ts'
import type { Register } from '../command.ts'

/** `stint policy check|test|explain`. Check and test work offline. */
export const register: Register = (program, context) => {
  const { output } = context
  const policy = program.command('policy').description('check, test and explain the policies')
  const place = (given: string | undefined): string => (given === undefined ? join(context.home, 'policies') : resolve(given))

  policy
    .command('check')
    .description('validate every policy, with the file, line and column of what is wrong')
    .argument('[directory]', 'where the *.cedar files are (default: those of this installation)')
    .action(async (directory: string | undefined) => {
      const { checkPolicies } = await import('../../policy/check.ts')
      output.print(await checkPolicies(place(directory)), sayChecked)
    })
  policy
    .command('test')
    .description('run the *.test.yaml files of a policy directory')
    .argument('[directory]', 'where the policies and their tests are (default: those of this installation)')
    .action(async (directory: string | undefined) => {
      const { testPolicies } = await import('../../policy/check.ts')
      const results = await testPolicies(place(directory))
      output.print(results, sayResults)
      const failed = results.filter(({ problems }) => problems.length > 0).length
      if (failed > 0) throw new StintError('policy_invalid', `${failed} of ${results.length} policy tests failed`)
    })
  policy
    .command('explain')
    .description('say how a recorded decision came about')
    .argument('<entry>', 'the number of the entry in the audit log')
    .action(async (entry: string) => {
      if (!/^\d{1,15}$/.test(entry)) throw new StintError('invalid_argument', 'entry takes the number of an audit entry')
      output.print(await context.call<Replay>('GET', `/v1/audit/entries/${entry}/explanation`), sayReplay)
    })
}

function sayChecked({ files, permits, forbids, policySetHash }: Checked): string {
  return `${permits + forbids} policies in ${files} files are valid (${permits} permits, ${forbids} forbids)\nset ${policySetHash}`
}

function sayResults(results: readonly CaseResult[]): string {
  const lines = results.flatMap(({ file, name, problems }) => [
    `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${file}: ${name}`,
    ...problems.map((problem) => `       ${problem}`),
  ])
  const failed = results.filter(({ problems }) => problems.length > 0).length
  return [...lines, '', `${results.length - failed} passed, ${failed} failed`].join('\n')
}

function sayReplay({ decision, request, risk, policies, sameRequest, samePolicies }: Replay): string {
  const notes = [
    sameRequest ? [] : ['Something about the request changed since it was recorded: this is what it would be asked now.'],
    samePolicies ? [] : ['The policies changed since: this is what today’s decide.'],
  ].flat()
  return [
    `${decision.effect} (${decision.code})`,
    ...decision.reasons.map((reason) => `  ${reason}`),
    ...notes.map((note) => `! ${note}`),
    '',
    `${request.principal} asked for ${request.action} on ${request.resource}`,
    `risk ${risk.score}${risk.reasons.map((reason) => `\n  ${reason}`).join('')}`,
    '',
    ...(policies.length === 0 ? ['No policy’s scope fits.'] : policies.flatMap(sayFinding)),
  ].join('\n')
}

function sayFinding({ id, effect, place, finding, clauses }: PolicyFinding): string[] {
  return [
    `${effect} ${id} (${place}): ${finding}`,
    ...clauses.map(
      (clause) => `  ${clause.finding}: ${clause.text}${clause.message === undefined ? '' : `\n    ${clause.message}`}`,
    ),
  ]
}
