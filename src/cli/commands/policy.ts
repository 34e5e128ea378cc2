import { join, resolve } from 'node:path'
import { StintError } from '../../errors.ts'
import type { CaseResult, Checked } from '../../policy/check.ts'
import type { PolicyFinding } from '../../policy/explain.ts'
import type { Replay } from '../../policy/replay.ts'
import type { StarterChange } from '../../policy/starter.ts'
import type { Register } from '../command.ts'
import { table } from '../table.ts'

/** `stint policy check|test|starter|explain`. All but explain work offline. */
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
    .command('starter')
    .description('say which starter policies an upgrade changed; yours stay as they are')
    .option('--seen', 'take note that you have seen them: only later changes are told from now on')
    .action(async ({ seen = false }: { seen?: boolean }) => {
      const starter = await import('../../policy/starter.ts')
      const yours = place(undefined)
      if (seen) await starter.markStarterSeen(yours)
      const changes = await starter.findStarterChanges(yours)
      output.print({ yours, new: starter.STARTER_DIRECTORY, changes }, sayStarter)
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

const YOURS: Readonly<Record<StarterChange['yours'], string>> = {
  untouched: 'as an older version had it: copy the new one',
  edited: 'your own, and the new one differs: compare them',
  missing: 'not there: copy the new one if you want it',
  left: 'no longer a starter policy: delete it if you do not want it',
  stale: 'of another version, and read by nobody: delete it',
}

function sayStarter(found: { yours: string; new: string; changes: readonly StarterChange[] }): string {
  if (found.changes.length === 0) return 'Nothing changed in the starter policies that you have not seen.'
  const rows = found.changes.map(({ name, yours }) => [name, YOURS[yours]])
  const advice = `The new ones: ${found.new}\nYours: ${found.yours}\nWhen they are as you want them: stint policy starter --seen`
  return `${table(['FILE', 'YOURS'], rows, '')}\n\n${advice}`
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
