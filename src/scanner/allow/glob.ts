/** Where one is in the middle of a folder that a step of any folders stands for: at that step and this much. */
const INSIDE = 0.5

/**
 * Tests paths against a glob of `?`, `*` and `**`; one that ends in a slash means all that is below it. Every character of the path is looked
 * at once, by all ways the glob can be read, so that no glob takes long: it is attacker-controlled.
 */
export function createGlob(glob: string): (path: string) => boolean {
  const whole = glob.endsWith('/') ? `${glob}**` : glob
  const steps = whole.match(/\*\*\/|\*\*|./gsu) ?? []
  return (path) => {
    let at = skipEmpty(steps, new Set([0]))
    for (const character of path) {
      const next = new Set<number>()
      for (const i of at) {
        const step = steps[Math.floor(i)]
        if (step === '**/') next.add(character === '/' ? Math.floor(i) : Math.floor(i) + INSIDE)
        else if (step === '**' || (step === '*' && character !== '/')) next.add(i)
        else if (step === character || (step === '?' && character !== '/')) next.add(i + 1)
      }
      at = skipEmpty(steps, next)
      if (at.size === 0) return false
    }
    return at.has(steps.length)
  }
}

/** Where one can be without reading anything: also behind steps that may be empty. */
function skipEmpty(steps: readonly string[], at: Set<number>): Set<number> {
  for (const i of at) if (steps[i]?.startsWith('*')) at.add(i + 1)
  return at
}
