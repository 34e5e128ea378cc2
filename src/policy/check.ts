import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { StintError } from '../errors.ts'
import { compare, readCases, requestOf } from './cases.ts'
import { createDecider, type Decider } from './decide.ts'
import { readPolicyFiles } from './directory.ts'
import { makePolicySet, type PolicySet, sayProblem } from './policy-set.ts'

/** What a valid directory holds. */
export interface Checked {
  readonly policySetHash: string
  readonly files: number
  readonly permits: number
  readonly forbids: number
}

/** One case's result: nothing in `problems` means it passed. */
export interface CaseResult {
  readonly file: string
  readonly name: string
  readonly problems: readonly string[]
}

/**
 * Checks a directory of policies offline. Throws `policy_invalid` with a line `file:line:column: what` for each problem, an
 * annotation that Stint does not know included: such a permit loads, but denies.
 */
export async function checkPolicies(directory: string): Promise<Checked> {
  const { set, files } = await load(directory)
  const unknown = set.policies.flatMap(({ file, line, obligations }) =>
    obligations.unknown.map((name) => sayProblem({ file, line, column: 1, message: `Stint does not know @${name}` })),
  )
  if (unknown.length > 0) throw new StintError('policy_invalid', unknown.join('\n'))
  const permits = set.policies.filter(({ json }) => json.effect === 'permit').length
  return { policySetHash: set.hash, files, permits, forbids: set.policies.length - permits }
}

/** Runs every *.test.yaml of the directory against its policies. Throws `policy_invalid`, also where there is no test at all. */
export async function testPolicies(directory: string): Promise<readonly CaseResult[]> {
  const { set } = await load(directory)
  const decider = createDecider(set, () => undefined)
  const names = (await readdir(directory)).filter((name) => name.endsWith('.test.yaml')).sort()
  const results: CaseResult[] = []
  for (const name of names) results.push(...runFile(decider, name, await readFile(join(directory, name), 'utf8')))
  if (results.length === 0) throw new StintError('policy_invalid', `${directory} holds no policy tests (*.test.yaml)`)
  return results
}

async function load(directory: string): Promise<{ readonly set: PolicySet; readonly files: number }> {
  const files = await readPolicyFiles(directory)
  if (files.length === 0) throw new StintError('policy_invalid', `${directory} holds no policies (*.cedar)`)
  const made = makePolicySet(files)
  if ('problems' in made) throw new StintError('policy_invalid', made.problems.map(sayProblem).join('\n'))
  return { set: made, files: files.length }
}

function runFile(decider: Decider, file: string, text: string): readonly CaseResult[] {
  const read = readCases(parseYaml(file, text))
  if ('problems' in read) throw new StintError('policy_invalid', read.problems.map((problem) => `${file}: ${problem}`).join('\n'))
  return read.cases.map((one) => ({ file, name: one.name, problems: compare(one, decider.decide(requestOf(one))) }))
}

function parseYaml(file: string, text: string): unknown {
  try {
    return parse(text)
  } catch (cause) {
    throw new StintError('policy_invalid', `${file}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
}
