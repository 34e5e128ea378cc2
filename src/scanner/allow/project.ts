import { parse } from 'yaml'
import { z } from 'zod'
import { StintError } from '../../errors.ts'
import type { OwnRule } from '../own/own-rules.ts'
import { readStintRule, STINT_RULE } from '../own/stint-rules.ts'
import type { Allow } from './allow.ts'
import { createGlob } from './glob.ts'
import { MOST_RULES, NO_SETTINGS, type Settings } from './settings.ts'

const TEXTS = z.array(z.string().min(1).max(1000)).min(1).max(10_000).optional()

const ENTRY = z
  .strictObject({ paths: TEXTS, rules: TEXTS, fingerprints: TEXTS, commits: TEXTS, reason: z.string().optional() })
  .refine(({ reason: _, ...conditions }) => Object.values(conditions).some((one) => one !== undefined), {
    message: 'name at least one of paths, rules, fingerprints and commits',
  })

const SETTINGS = z.strictObject({
  allow: z.array(ENTRY).max(1000).optional(),
  rules: z.array(STINT_RULE).max(MOST_RULES).optional(),
})

/** The allow-list and the rules of a `.stint-scan.yaml`. Attacker-controlled. Throws `invalid_argument` for what it does not know. */
export function readStintSettings(text: string, name: string): Settings {
  const read = SETTINGS.safeParse(readYaml(text, name) ?? {})
  if (!read.success) {
    const [issue] = read.error.issues
    throw new StintError('invalid_argument', `${name}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
  }
  const { allow = [], rules = [] } = read.data
  return { ...NO_SETTINGS, allows: allow.map(readEntry), rules: readRules(rules, name) }
}

/** What the samples of one file may take. */
const MOST_SAMPLE_MS = 30_000

function readRules(rules: readonly z.infer<typeof STINT_RULE>[], name: string): OwnRule[] {
  const until = performance.now() + MOST_SAMPLE_MS
  return rules.map((rule, at) => {
    if (performance.now() > until) throw new StintError('invalid_argument', `${name}: its samples take too long; give fewer`)
    return readStintRule(rule, name, `rules.${at}`)
  })
}

function readEntry({ paths, rules, fingerprints, commits }: z.infer<typeof ENTRY>): Allow {
  return {
    ...(rules && { rules: new Set(rules) }),
    ...(fingerprints && { fingerprints: new Set(fingerprints) }),
    ...(commits && { commits: new Set(commits) }),
    ...(paths && { isPath: anyOf(paths.map(createGlob)) }),
  }
}

function anyOf(tests: readonly ((path: string) => boolean)[]): (path: string) => boolean {
  return (path) => tests.some((test) => test(path))
}

/** What the parser says of a file quotes it; only where it stopped is told. */
function readYaml(text: string, name: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0, prettyErrors: true, logLevel: 'error' })
  } catch (thrown) {
    const line = (thrown as { linePos?: readonly { line: number }[] }).linePos?.[0]?.line
    throw new StintError('invalid_argument', `${name} is not YAML${line === undefined ? '' : `: line ${line}`}`)
  }
}
