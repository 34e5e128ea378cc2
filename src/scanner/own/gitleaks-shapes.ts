import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { StintError } from '../../errors.ts'

/** The shapes of gitleaks' configuration (its README, "Configuration"), all keys in small letters: its reader takes them in any case. */
const TEXT = z.string().max(10_000)
const TEXTS = z.array(TEXT).max(10_000)

const ALLOW = z.looseObject({
  description: TEXT.optional(),
  paths: TEXTS.optional(),
  regexes: TEXTS.optional(),
  regextarget: z.enum(['', 'secret', 'match', 'line']).optional(),
  stopwords: TEXTS.optional(),
  commits: TEXTS.optional(),
  condition: z
    .string()
    .transform((text) => text.toUpperCase())
    .pipe(z.enum(['', 'OR', 'AND', '||', '&&']))
    .optional(),
  targetrules: TEXTS.optional(),
})

const ALLOWS = { allowlist: ALLOW.optional(), allowlists: z.array(ALLOW).max(1000).optional() }

const RULE = z.looseObject({
  id: TEXT.optional(),
  description: TEXT.optional(),
  regex: TEXT.optional(),
  path: TEXT.optional(),
  secretgroup: z.number().min(0).max(1000).optional(),
  entropy: z.number().optional(),
  keywords: TEXTS.optional(),
  tags: TEXTS.optional(),
  ...ALLOWS,
})

const CONFIG = z.looseObject({
  title: TEXT.optional(),
  description: TEXT.optional(),
  minversion: TEXT.optional(),
  extend: z
    .looseObject({ usedefault: z.boolean().optional(), path: TEXT.optional(), disabledrules: TEXTS.optional() })
    .optional(),
  rules: z.array(RULE).max(1000).optional(),
  ...ALLOWS,
})

export type GitleaksConfig = z.infer<typeof CONFIG>
export type GitleaksRule = z.infer<typeof RULE>
export type GitleaksAllow = z.infer<typeof ALLOW>

const SHAPES = { config: CONFIG, rule: RULE, allow: ALLOW } as const

/** The configuration in this text. Attacker-controlled. Throws `invalid_argument` for what is none, and quotes nothing of it. */
export function readShape(text: string, name: string): GitleaksConfig {
  const read = CONFIG.safeParse(lowerKeys(readToml(text, name)))
  if (read.success) return read.data
  const [issue] = read.error.issues
  throw new StintError('invalid_argument', `${name}: ${issue?.path.join('.') || 'the file'}: ${issue?.message}`)
}

/** The keys of a part of it that its shape has not. */
export function strangersOf(shape: keyof typeof SHAPES, part: object): readonly string[] {
  return Object.keys(part).filter((key) => !Object.hasOwn(SHAPES[shape].shape, key))
}

function readToml(text: string, name: string): unknown {
  try {
    return parse(text)
  } catch (thrown) {
    if (thrown instanceof TomlError) throw new StintError('invalid_argument', `${name} is not TOML: line ${thrown.line}`)
    throw thrown
  }
}

function lowerKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerKeys)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key.toLowerCase(), lowerKeys(one)]))
}
