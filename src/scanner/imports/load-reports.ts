import { open } from 'node:fs/promises'
import { StintError } from '../../errors.ts'
import { byWorth, type Finding } from '../finding.ts'
import { mergeTold } from './merge.ts'
import { readReport } from './read-report.ts'
import type { Told } from './shapes.ts'

/** A report is read whole. */
const MOST_BYTES = 64 << 20
/** As many findings may reports have together. */
const MOST_TOLD = 200_000

/** The findings with what the reports tell, worst first. Throws `invalid_argument` for a file that cannot be read or is no report. */
export async function loadReports(findings: readonly Finding[], files: readonly string[], key: Buffer): Promise<Finding[]> {
  const told: Told[] = []
  for (const file of files) {
    for (const one of readReport(await readText(file), file)) told.push(one)
    if (told.length > MOST_TOLD)
      throw new StintError('invalid_argument', `the reports have more than ${MOST_TOLD} findings; join them in parts`)
  }
  return mergeTold(findings, told, key).toSorted(byWorth)
}

async function readText(file: string): Promise<string> {
  try {
    await using handle = await open(file)
    const stats = await handle.stat()
    if (!stats.isFile() || stats.size > MOST_BYTES)
      throw new StintError(
        'invalid_argument',
        `${file} is not a plain file of at most ${MOST_BYTES >> 20} MB; join a larger one in parts`,
      )
    return await handle.readFile('utf8')
  } catch (thrown) {
    if (thrown instanceof StintError) throw thrown
    throw new StintError('invalid_argument', `${file} cannot be read (${(thrown as NodeJS.ErrnoException).code})`, {
      cause: thrown,
    })
  }
}
