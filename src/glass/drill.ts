/** One thing that a drill tried, and what it saw. */
export interface DrillStep {
  readonly step: string
  readonly ok: boolean
  readonly detail: string
}

/** What a drill tries: each answers what it saw, or throws what is wrong. */
export interface DrillTry {
  readonly step: string
  look(): string | Promise<string>
}

/** Tries all of them, one after another, also after one failed. `wordsOf` says what was thrown. */
export async function tryAll(tries: readonly DrillTry[], wordsOf: (thrown: unknown) => string): Promise<readonly DrillStep[]> {
  const steps: DrillStep[] = []
  for (const { step, look } of tries) {
    try {
      steps.push({ step, ok: true, detail: await look() })
    } catch (thrown) {
      steps.push({ step, ok: false, detail: wordsOf(thrown) })
    }
  }
  return steps
}
