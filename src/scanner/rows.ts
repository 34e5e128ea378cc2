import { isStandIn } from './likeness.ts'
import { examplesOf, missesOf, sourceOf } from './look.ts'
import { credentialOf, token } from './pattern.ts'
import type { Rule, Samples } from './rule.ts'
import { hex } from './sample.ts'

/** A rule but for whose it is. */
export type Row = Omit<Rule, 'provider' | 'source'> & { readonly source?: string }
type Changes = Partial<Omit<Rule, 'id' | 'title' | 'provider'>>

/** What stands beside the names of vendors too: a digest, the id of a commit. */
const OTHER_VALUES: readonly string[] = [hex(64), hex(40)]

/**
 * A rule of a token that says itself what it is: `known('gitlab-pat', 'personal access token', 'glpat-<url 20>')`. What stands before its
 * first run is its keyword, and its samples are made of its look, unless `changes` has others. Throws RangeError for a look that is none.
 */
export function known(id: string, title: string, look: string, changes: Changes = {}): Row {
  const keywords = [look.slice(0, look.indexOf('<')).toLowerCase()]
  const samples = (): Samples => {
    const examples = examplesOf(look)
    return {
      hits: examples.flatMap((one) => [one, [`ACCESS_TOKEN="${one}"`, one] as const]),
      misses: [...missesOf(look), ...examples.map((one) => `x${one}`)],
    }
  }
  return { id, title, keywords, pattern: token(sourceOf(look)), confidence: 'high', samples, ...changes }
}

/**
 * A rule of a value that other things look like too, known by the name of its vendor and a word for credentials after it:
 * `named('datadog-api', 'API key', ['datadog'], '<hex 32>')`. One without a prefix and a digit is a word of a program. Throws
 * RangeError for a look that is none.
 */
export function named(id: string, title: string, names: readonly string[], look: string, changes: Changes = {}): Row {
  const spellings = [...new Set(names.flatMap(spell))]
  const pattern = credentialOf(spellings.join('|'), sourceOf(look))
  const isWord = (secret: string): boolean => look.startsWith('<') && !/[0-9]/.test(secret)
  const check = (secret: string): boolean => !isWord(secret) && !isStandIn(secret)
  return {
    id,
    title,
    keywords: spellings,
    pattern,
    confidence: 'medium',
    check,
    samples: () => sampleNamed(spellings, look),
    ...changes,
  }
}

/**
 * A rule of what follows a text that nothing else has: `following('infura-project', 'project id', 'infura.io/v3/', '<hex 32>')`. Throws
 * RangeError for a look that is none.
 */
export function following(id: string, title: string, lead: string, look: string, changes: Changes = {}): Row {
  const plain = lead.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const samples = (): Samples => ({
    hits: examplesOf(look).map((one) => [`${lead}${one}`, one] as const),
    misses: [...missesOf(look).map((one) => lead + one), ...examplesOf(look)],
  })
  const pattern = new RegExp(`(?i:${plain})(?<secret>${sourceOf(look)})(?![0-9A-Za-z_-])`)
  return { id, title, keywords: [lead.toLowerCase()], pattern, confidence: 'high', samples, ...changes }
}

/** `dd_api` is also `dd-api` in a header and `ddApi` in a program. */
function spell(name: string): readonly string[] {
  return [name, name.replaceAll('_', '-'), name.replace(/(?<=.)_(?=.)/g, '')]
}

function sampleNamed(spellings: readonly string[], look: string): Samples {
  const [name = ''] = spellings
  const examples = examplesOf(look).filter((one) => /[0-9]/.test(one))
  const whole = new RegExp(`^${sourceOf(look)}$`)
  const others = [...missesOf(look), ...OTHER_VALUES.filter((one) => !whole.test(one))]
  return {
    hits: examples.flatMap((one) => [
      ...spellings.map((other) => [`${other}-token: ${one}`, one] as const),
      [`${name.toUpperCase()}_API_KEY=${one}`, one] as const,
      [`"${name}": {\n  "access_token": "${one}"`, one] as const,
    ]),
    misses: [
      ...examples.flatMap((one) => [one, `${name}: ${one}`, `${name}\n${one}`, `x${name}_key=${one}`]),
      ...others.map((one) => `${name}_key=${one}`),
    ],
  }
}
