import { createHash } from 'node:crypto'
import type { Allow } from '../allow/allow.ts'
import { joinSettings, NO_SETTINGS, type Settings } from '../allow/settings.ts'
import type { Skipped } from '../job.ts'
import { type GitleaksAllow, type GitleaksConfig, type GitleaksRule, readShape, strangersOf } from './gitleaks-shapes.ts'
import type { OwnRule, OwnWords } from './own-rules.ts'
import { createPathTest } from './path-test.ts'
import { PatternError, translateRe2 } from './re2.ts'
import { compile, KNOWN_IDS, spellKeywords } from './stint-rules.ts'

/** Hears what of a file is left out, or turns out to take too long. */
export type Skip = (skipped: Skipped) => void

interface Source {
  readonly name: string
  /** Tells marks of one file from those of another. */
  readonly digest: string
  readonly skip: Skip
  /** Where in the file each rule begins. */
  readonly lines: readonly number[]
}

/** The text of a file that another one extends, named relative to it; undefined where it is not to be read. */
export type ReadOther = (path: string) => Promise<string | undefined>

/** As many files may extend one another, as in gitleaks. */
const MOST_EXTENDED = 2

/**
 * A configuration of gitleaks. Its rules are looked for beside Stint's, which stay; one that cannot be is named to `skip`, with the reason.
 * Attacker-controlled. Throws `invalid_argument` for what is no such configuration.
 */
export async function readGitleaks(text: string, name: string, skip: Skip, readOther: ReadOther, depth = 0): Promise<Settings> {
  const config = readShape(text, name)
  const source = { name, skip, digest: createHash('sha256').update(text).digest('hex').slice(0, 12), lines: linesOf(text) }
  for (const key of strangersOf('config', config))
    skip({ what: `${key} in ${name}`, why: 'it is no setting of gitleaks that is known' })
  const disabled = config.extend?.disabledrules ?? []
  const disabledOwn = new Set(disabled.map(ownId))
  const disabledKnown = new Set(disabled.filter((id) => ownId(id) !== id))
  const extended = await readExtended(config, source, readOther, depth)
  return joinSettings([
    ...(config.rules ?? []).map((rule, at) => readRule(rule, at, source)),
    ...allowsOf(config).map((allow, at) => readAllow(allow, `allowlists.${at}`, allow.targetrules, source)),
    extended === undefined ? NO_SETTINGS : { ...extended, rules: extended.rules.filter(({ id }) => !disabledOwn.has(id)) },
    disabledKnown.size === 0 ? NO_SETTINGS : { ...NO_SETTINGS, allows: [{ rules: disabledKnown }] },
  ])
}

async function readExtended(
  { extend }: GitleaksConfig,
  { name, skip }: Source,
  readOther: ReadOther,
  depth: number,
): Promise<Settings | undefined> {
  if (extend !== undefined && 'url' in extend) skip({ what: `extend.url in ${name}`, why: 'nothing is fetched for a scan' })
  if (!extend?.path) return undefined
  const what = `extend.path in ${name}`
  if (depth >= MOST_EXTENDED) skip({ what, why: `more than ${MOST_EXTENDED} files extend one another` })
  else {
    const text = await readOther(extend.path)
    if (text !== undefined) return readGitleaks(text, `${name}, extended`, skip, readOther, depth + 1)
    skip({ what, why: 'it is not there, or not below the directory of the file' })
  }
  return undefined
}

function readRule(written: GitleaksRule, at: number, source: Source): Settings {
  const { name, skip, lines } = source
  const line = lines.length > at ? `, line ${lines[at]}` : ''
  const what = `rule ${written.id ?? at + 1} of ${name}${line}`
  for (const key of strangersOf('rule', written).filter((one) => one !== 'required' && one !== 'skipreport'))
    skip({ what: `${key} of ${what}`, why: 'it is no setting of a rule that is known' })
  const id = ownId(written.id ?? `rule-${at + 1}`)
  const allows = (ids: readonly string[]): Settings[] =>
    allowsOf(written).map((allow, i) => readAllow(allow, `rules.${at}.allowlists.${i}`, ids, source))
  try {
    if (!written.regex && written.path === undefined && KNOWN_IDS.has(written.id ?? ''))
      return joinSettings(allows([written.id ?? '']))
    const { rule, outside } = readPattern(written, id, `rules.${at}`, source)
    return joinSettings([{ ...NO_SETTINGS, rules: [rule], outside }, ...allows([written.id ?? id])])
  } catch (thrown) {
    if (!(thrown instanceof PatternError)) throw thrown
    skip({ what, why: thrown.message })
    return NO_SETTINGS
  }
}

/** Throws PatternError for a rule that cannot be looked for. */
function readPattern(
  written: GitleaksRule,
  id: string,
  place: string,
  source: Source,
): { readonly rule: OwnRule; readonly outside: readonly Allow[] } {
  const { regex, path, secretgroup = 0, entropy = 0, keywords = [], tags = [], description } = written
  if ('required' in written || written.skipreport === true)
    throw new PatternError('it needs other rules beside it, which is not known here')
  if (!regex && path !== undefined) throw new PatternError('it finds files by their names, which are no secrets')
  if (!regex) throw new PatternError('it has no regex, and Stint has no rule of its name')
  const refuse = (why: string): never => {
    throw new PatternError(why)
  }
  const mark = `${source.digest}:${place}`
  const rule: OwnRule = {
    id,
    provider: source.name,
    title: description || id,
    pattern: compile(regex, Math.floor(secretgroup), refuse),
    secretGroup: Math.floor(secretgroup),
    keywords: spellKeywords(keywords),
    confidence: id.startsWith('generic') ? 'low' : 'medium',
    ...(entropy > 0 && { entropy }),
    ...(tags.length > 0 && { tags: tags.join(', ').slice(0, 200) }),
    ...(path && { mark }),
  }
  if (!path) return { rule, outside: [] }
  const isInside = createPathTest([translateRe2(path).source], true, (why) =>
    source.skip({ what: `path of rule ${id} of ${source.name}`, why }),
  )
  return { rule, outside: [{ mark, isPath: (one) => !isInside(one) }] }
}

/** A name that none of Stint's rules has: what is known of those, as how to verify what they find, does not hold for others. */
function ownId(id: string): string {
  return KNOWN_IDS.has(id) ? `own-${id}` : id
}

function readAllow(written: GitleaksAllow, place: string, rules: readonly string[] | undefined, source: Source): Settings {
  const { paths = [], regexes = [], regextarget, stopwords = [], commits = [], condition } = written
  const name = `${place} of ${source.name}`
  for (const key of strangersOf('allow', written))
    source.skip({ what: `${key} of ${name}`, why: 'it is no setting of an allow-list that is known' })
  const about = rules === undefined ? undefined : rules.flatMap((id) => [id, ownId(id)])
  const ofRules = about === undefined ? {} : { rules: new Set(about) }
  const wantsAll = condition === 'AND' || condition === '&&'
  try {
    const patterns = regexes.map((regex) => translateRe2(regex).source)
    const pathPatterns = paths.map((path) => translateRe2(path).source)
    const mark = `${source.digest}:${place}`
    const hasWords = patterns.length + stopwords.length > 0
    const words: OwnWords = {
      ...{ mark, name, patterns, wantsAll, target: regextarget || 'secret' },
      ...(about !== undefined && { rules: about }),
      stopwords: stopwords.map((word) => word.toLowerCase()),
    }
    const isPath = createPathTest(pathPatterns, false, (why) => source.skip({ what: `paths of ${name}`, why }))
    const conditions: Allow[] = [
      ...(hasWords ? [{ mark }] : []),
      ...(paths.length > 0 ? [{ isPath }] : []),
      ...(commits.length > 0 ? [{ commits: new Set(commits.map((commit) => commit.toLowerCase())) }] : []),
    ]
    const allows = wantsAll ? [Object.assign({}, ...conditions) as Allow] : conditions
    if (conditions.length === 0) source.skip({ what: name, why: 'it names nothing that it allows' })
    return {
      ...NO_SETTINGS,
      allows: conditions.length === 0 ? [] : allows.map((allow) => ({ ...allow, ...(allow.mark === undefined && ofRules) })),
      words: hasWords ? [words] : [],
    }
  } catch (thrown) {
    if (!(thrown instanceof PatternError)) throw thrown
    source.skip({ what: name, why: thrown.message })
    return NO_SETTINGS
  }
}

function allowsOf({ allowlist, allowlists = [] }: Pick<GitleaksConfig, 'allowlist' | 'allowlists'>): GitleaksAllow[] {
  return [...(allowlist === undefined ? [] : [allowlist]), ...allowlists]
}

function linesOf(text: string): number[] {
  return text.split('\n').flatMap((line, at) => (/^\s*\[\[\s*rules\s*\]\]/.test(line) ? [at + 1] : []))
}
