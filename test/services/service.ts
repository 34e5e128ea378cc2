/** A real server that a test file needs and a machine may not have. */
export interface Service<T> {
  /** Why there is none, for `describe(…, { skip })`; false when it runs. */
  readonly skip: string | false
  /** The running one. Throws where there is none. */
  readonly running: T
}

/** What a start throws when the machine has no such program: the one failure that may be a skip. */
export class NotInstalled extends Error {}

/**
 * Starts it. Where it is not installed the tests are skipped with that reason, unless STINT_TEST_SERVICES=required (as in .ci/run): then,
 * as with every other failure, this throws.
 */
export async function serviceOrSkip<T>(start: () => Promise<T>): Promise<Service<T>> {
  try {
    return { skip: false, running: await start() }
  } catch (thrown) {
    if (!(thrown instanceof NotInstalled) || process.env.STINT_TEST_SERVICES === 'required') throw thrown
    return {
      skip: thrown.message,
      get running(): T {
        throw thrown
      },
    }
  }
}
