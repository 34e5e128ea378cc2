import { X509Certificate } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import { BUDGET_TAKES, isBudget } from '../budget.ts'
import { StintError } from '../errors.ts'
import type { Budget } from '../model.ts'
import { isGrantableId } from './caller-id.ts'
import { canonicalClaimName } from './claims.ts'
import type { IssuerConfig } from './issuer.ts'
import { ISSUERS } from './issuers/index.ts'
import { PRESETS, presetOf } from './presets.ts'

const words = z
  .string()
  .min(1)
  .max(512)
  .regex(/^\P{C}*$/u, 'takes no control characters')
const id = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'takes lower-case letters, digits, dot, dash and underscore')

const rule = z.strictObject({
  claims: z
    .record(z.string().max(256), words)
    .transform(canonicalClaims)
    .refine((claims) => Object.keys(claims).length > 0, 'a rule without claims would admit every token'),
  workload: z.string().refine(isGrantableId, 'takes a SPIFFE ID, not below /operator or /local'),
  owner: words,
  targets: z.array(id).min(1).max(64).readonly(),
  actions: z.array(words).min(1).max(64).readonly(),
  maxTtlSeconds: z.int().min(1).max(31_536_000),
  maxBudget: z.custom<Budget>(isBudget, BUDGET_TAKES).exactOptional(),
})

const schema = z.strictObject({
  id,
  kind: z.string().refine((kind) => Object.hasOwn(ISSUERS, kind), `takes one of ${Object.keys(ISSUERS).join(', ')}`),
  issuer: z.string().max(512).transform(presetUrl),
  audience: words,
  allowReuse: z.boolean().default(false),
  privateNetworks: z.array(z.string().refine(isNetwork, 'takes a network such as 10.0.0.0/8')).max(32).readonly().default([]),
  trustedCa: z
    .string()
    .max(256 * 1024)
    .refine(isCertificate, 'takes certificates in PEM form')
    .exactOptional(),
  rules: z.array(rule).min(1).max(256).readonly(),
})

/**
 * Checks an issuer's configuration. `issuer` may be the name of a preset. Throws `invalid_argument` naming the place: also for an
 * issuer that is not https, unless on a loopback network it lists, and for a rule that only matches names which others can take over.
 */
export function parseIssuerConfig(input: unknown): IssuerConfig {
  const { data, error } = schema.safeParse(input)
  if (data === undefined) {
    const [issue] = error.issues
    throw invalid(issue?.path.map(String).join('.') || 'issuer', issue?.message ?? 'is not valid')
  }
  checkUrl(data)
  checkRules(data)
  return data
}

function canonicalClaims(claims: Readonly<Record<string, string>>, context: z.RefinementCtx): Record<string, string> {
  const canonical = Object.entries(claims).map(([name, value]): [string, string] => [canonicalClaimName(name) ?? '', value])
  const distinct = new Set(canonical.map(([name]) => name))
  if (distinct.has('')) context.addIssue('names a claim that cannot be; use a claim name or a JSON Pointer')
  if (distinct.size < canonical.length) context.addIssue('names one claim twice')
  return Object.fromEntries(canonical)
}

function presetUrl(issuer: string): string {
  const preset = Object.hasOwn(PRESETS, issuer) ? PRESETS[issuer]?.issuer : undefined
  return preset?.endsWith('*') === false ? preset : issuer
}

/** OpenID Connect Discovery 1.0, section 3: an https URL without query or fragment; here also in its one normal spelling. */
function checkUrl({ issuer, privateNetworks }: IssuerConfig): void {
  const url = URL.parse(issuer)
  if (url === null) throw invalid('issuer', `takes an https URL, or one of ${presetNames().join(', ')}`)
  if (url.username + url.password + url.search + url.hash !== '') throw invalid('issuer', 'takes no user, query or fragment')
  if (url.href !== issuer && url.href !== `${issuer}/`) throw invalid('issuer', `is not in its normal form, ${url.href}`)
  if (url.protocol === 'https:') return
  const loopback = url.protocol === 'http:' && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  const listed = networks(privateNetworks)
  if (loopback && (listed.check('127.0.0.1') || listed.check('::1', 'ipv6'))) return
  throw invalid('issuer', 'takes an https URL; http only on loopback, with that network in privateNetworks')
}

function presetNames(): string[] {
  return Object.keys(PRESETS).filter((name) => presetUrl(name) !== name)
}

function checkRules({ issuer, rules }: IssuerConfig): void {
  const preset = presetOf(issuer)
  if (preset === undefined) return
  const weak = rules.findIndex(({ claims }) => !preset.immutable.some((name) => Object.hasOwn(claims, name)))
  if (weak === -1) return
  const { immutable, advice } = preset
  throw invalid(
    `rules.${weak}.claims`,
    `matches only what others could come to bear; match one of ${immutable.join(', ')}. ${advice}`,
  )
}

function isNetwork(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/')
  const family = isIP(address)
  return family !== 0 && rest.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128)
}

function networks(texts: readonly string[]): BlockList {
  const list = new BlockList()
  for (const text of texts) {
    const [address = '', prefix] = text.split('/')
    list.addSubnet(address, Number(prefix), isIP(address) === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined
  } catch {
    return false
  }
}

function invalid(place: string, message: string): StintError {
  return new StintError('invalid_argument', `${place}: ${message}`)
}
