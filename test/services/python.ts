import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { NotInstalled } from './service.ts'

const run = promisify(execFile)

/** A Python that has these modules: STINT_TEST_PYTHON, else python3. Throws NotInstalled. */
export async function findPython(...modules: readonly string[]): Promise<string> {
  const python = process.env.STINT_TEST_PYTHON ?? 'python3'
  try {
    const script = `import sys; from importlib.util import find_spec; sys.exit(not all(map(find_spec, sys.argv[1:])))`
    await run(python, ['-c', script, ...modules])
    return python
  } catch {
    throw new NotInstalled(
      `Python has no ${modules.join(' and ')} (pip install them into a virtual environment, and name its python in STINT_TEST_PYTHON)`,
    )
  }
}
