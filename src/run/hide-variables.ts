import { HIDDEN, SECRET_NAMES, SECRET_VALUES } from './hide.ts'

/** What is left of an environment, and the names of what was taken out. */
export interface CleanEnvironment {
  readonly kept: Record<string, string>
  readonly removed: readonly string[]
}

/**
 * Takes out every variable that looks like a secret by its name or value, or that points at something hidden. `allowed` names
 * hidden things to leave in place, `passed` variables to keep whatever they look like.
 */
export function hideVariables(
  environment: NodeJS.ProcessEnv,
  allowed: readonly string[],
  passed: readonly string[],
): CleanEnvironment {
  const pointing = new Set(HIDDEN.filter(({ name }) => !allowed.includes(name)).flatMap(({ variables }) => variables ?? []))
  const kept: Record<string, string> = {}
  const removed: string[] = []
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) continue
    if (passed.includes(name) || !(pointing.has(name) || looksSecret(name, value))) kept[name] = value
    else removed.push(name)
  }
  return { kept, removed: removed.sort() }
}

function looksSecret(name: string, value: string): boolean {
  if (value === '') return false
  return SECRET_NAMES.some((pattern) => pattern.test(name)) || SECRET_VALUES.some((pattern) => pattern.test(value))
}
