import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { withoutAllowed } from '../../../src/scanner/allow/allow.ts'
import { loadProjectSettings } from '../../../src/scanner/allow/load.ts'
import type { Settings } from '../../../src/scanner/allow/settings.ts'
import { createCollection } from '../../../src/scanner/collection.ts'
import { createDetector } from '../../../src/scanner/detector.ts'
import { detectBoth } from '../../../src/scanner/own/beside-known.ts'
import { readGitleaks } from '../../../src/scanner/own/gitleaks.ts'
import { createOwnDetector } from '../../../src/scanner/own/own-detector.ts'
import { markMatches } from '../../../src/scanner/own/words.ts'
import { RULES } from '../../../src/scanner/rules/index.ts'
import { alnum } from '../../../src/scanner/sample.ts'

const fail = (): never => assert.fail('nothing is given up')
const known = createDetector(Object.values(RULES).flat())
const pat = `github_pat_${alnum(22)}_${alnum(59)}`

/** The settings, and what of them is left out. */
async function read(toml: string, others: Readonly<Record<string, string>> = {}) {
  const skipped: string[] = []
  const settings = await readGitleaks(
    toml,
    'g.toml',
    ({ what, why }) => skipped.push(`${what}: ${why}`),
    async (path) => others[path],
  )
  return { settings, skipped }
}

/** What is found at the paths, each with a text, as `path rule secret`; and how much is allowed. */
function look({ rules, words, outside, allows }: Settings, texts: Readonly<Record<string, string>>, giveUp: () => void = fail) {
  const detect = markMatches(detectBoth(known, createOwnDetector(rules, giveUp)), words, giveUp)
  const found = createCollection()
  for (const [path, text] of Object.entries(texts))
    for (const { rule, secret, start, marks } of detect(Buffer.from(text), 0, Buffer.byteLength(text))) {
      const { id, provider, title, confidence } = rule
      const place = { path, line: 1, column: start, commit: 'c0ffee', ...(marks !== undefined && { marks }) }
      const sighting = {
        rule: id,
        provider,
        title,
        confidence,
        fingerprint: secret,
        preview: '',
        facts: rule.facts?.(secret) ?? {},
      }
      found.add({ ...sighting, place })
    }
  const { findings, allowed } = withoutAllowed(withoutAllowed(found.findings(), outside).findings, allows)
  return {
    found: findings.flatMap(({ rule, fingerprint, places }) => places.map(({ path }) => `${path} ${rule} ${fingerprint}`)),
    allowed,
  }
}

const RULE = `
title = "ours"
[[rules]]
id = "acme"
description = "Acme key"
regex = '''(?i)acme[_-]?key\\s*=\\s*"?([0-9a-z]{8,})'''
secretGroup = 1
entropy = 2
keywords = ["ACME"]
tags = ["key", "acme"]
`

describe('gitleaks.toml', () => {
  test('has rules, which are looked for as they are', async () => {
    const { settings, skipped } = await read(RULE)
    assert.deepEqual(skipped, [])
    const { pattern: _, ...rule } = settings.rules[0] ?? assert.fail()
    assert.deepEqual(rule, {
      ...{ id: 'acme', provider: 'g.toml', title: 'Acme key', secretGroup: 1, entropy: 2, keywords: ['acme'] },
      ...{ confidence: 'medium', tags: 'key, acme' },
    })
    assert.deepEqual(look(settings, { a: 'ACME-KEY = abcd1234 ', b: 'ACME_KEY=aaaaaaaa' }).found, ['a acme abcd1234'])
  })

  test('has rules for some paths, which say nothing of others', async () => {
    const { settings } = await read(`${RULE}path = '''(?i)\\.ENV$'''`)
    assert.deepEqual(look(settings, { 'a.env': 'acme_key=abcd1234', 'a.txt': 'acme_key=abcd1234 ' }), {
      found: ['a.env acme abcd1234'],
      allowed: 0,
    })
  })

  const ALLOWS: readonly (readonly [toml: string, found: readonly string[]])[] = [
    ["[allowlist]\npaths = ['''^b/''']", ['a 1', 'c 3']],
    ["[allowlist]\nregexes = ['''33cdefg$''']", ['a 1', 'b/x 2']],
    ["[[allowlists]]\nregexTarget = 'match'\nregexes = ['''key=z1''']", ['b/x 2', 'c 3']],
    ["[[allowlists]]\nregexTarget = 'line'\nregexes = ['''# fake''']", ['a 1', 'b/x 2']],
    ["[allowlist]\nstopwords = ['Z2ABC']", ['a 1', 'c 3']],
    ["[allowlist]\ncommits = ['C0FFEE']", []],
    ["[[allowlists]]\ncondition = 'AND'\npaths = ['''^[ab]''']\nregexes = ['''3333''', '''z2a''']", ['a 1', 'c 3']],
    ["[[allowlists]]\ncondition = 'and'\nstopwords = ['z2']\nregexes = ['''3333''']", ['a 1', 'b/x 2', 'c 3']],
    ["[[allowlists]]\ntargetRules = ['other']\nregexes = ['''.''']\npaths = ['''.''']", ['a 1', 'b/x 2', 'c 3']],
    ["[[allowlists]]\ntargetRules = ['acme']\npaths = ['''c''']", ['a 1', 'b/x 2']],
    ["[[rules.allowlists]]\nregexes = ['''3333''']\nstopwords = ['z1']", ['b/x 2']],
    ["[rules.allowlist]\npaths = ['''.''']", []],
  ]
  test('allows what it names', async () => {
    const texts = { a: 'acme_key=z1abcdefgh', 'b/x': 'acme_key=z2abcdefgh', c: 'acme_key=zab3333cdefg # fake' }
    for (const [toml, expected] of ALLOWS) {
      const { settings, skipped } = await read(`${RULE}\n${toml}`)
      assert.deepEqual(skipped, [], toml)
      const { found, allowed } = look(settings, texts)
      assert.deepEqual(found.map((one) => one.replace(/ acme z(?:ab)?(.).*/, ' $1')).sort(), expected, toml)
      assert.equal(allowed, 3 - expected.length)
    }
  })

  test('allows one rule what it does not allow another, and Stint’s rules what it says of them by name', async () => {
    const own = `[[rules]]\nid = "any"\nregex = '''\\w{60,}'''\n[[rules.allowlists]]\nregexes = ['''.''']`
    assert.deepEqual(look((await read(own)).settings, { a: pat }), { found: [`a github-pat-fine-grained ${pat}`], allowed: 0 })
    const guessed = `[[rules]]\nid = "mine"\nregex = '''[A-Za-z0-9]{40}'''\n[[rules.allowlists]]\nregexes = ['''.''']`
    const { found, allowed } = look((await read(guessed)).settings, { a: `secret = "${alnum(40)}"` })
    assert.deepEqual([found.length, allowed], [1, 0], 'a guess of Stint’s own is still one')
    const named = `[[rules]]\nid = "github-pat-fine-grained"\n[[rules.allowlists]]\nregexes = ['''^github_''']`
    assert.deepEqual(look((await read(named)).settings, { a: pat }), { found: [], allowed: 1 })
    const disabled = `[extend]\nuseDefault = true\ndisabledRules = ["github-pat-fine-grained"]`
    assert.deepEqual(look((await read(disabled)).settings, { a: pat }), { found: [], allowed: 1 })
    const taken = `[[rules]]\nid = "github-pat-fine-grained"\nregex = '''zz\\w+'''`
    assert.deepEqual(look((await read(taken)).settings, { a: 'zzword' }).found, ['a own-github-pat-fine-grained zzword'])
  })

  test('extends another, whose rules it may disable, and no more than two deep', async () => {
    const toml = `[extend]\npath = "b.toml"\ndisabledRules = ["gone"]`
    const other = `${RULE}\n[[rules]]\nid = "gone"\nregex = "x"\n[extend]\npath = "b.toml"`
    const { settings, skipped } = await read(toml, { 'b.toml': other })
    assert.deepEqual(new Set(settings.rules.map(({ id }) => id)), new Set(['acme']))
    assert.match(skipped.join(), /^extend\.path in g\.toml, extended, extended: more than 2 files/)
    assert.match((await read(toml)).skipped.join(), /^extend\.path in g\.toml: it is not there/)
  })

  test('drops nothing without saying so: what cannot be meant here is named with its line', async () => {
    const { settings, skipped } = await read(
      [
        ...[
          'colour = "red"',
          '[extend]',
          'url = "https://example.org/"',
          '[[rules]]',
          'id = "ahead"',
          'regex = "a(?=b)"',
          '[[rules]]',
        ],
        ...[
          'id = "files"',
          'path = "x"',
          '[[rules]]',
          'id = "none"',
          '[[rules]]',
          'regex = "x"',
          'skipReport = true',
          '[[rules]]',
        ],
        ...['id = "group"', 'regex = "x"', 'secretGroup = 2', 'shade = 1', '[[allowlists]]', 'regexes = ["("]', '[[allowlists]]'],
        'description = "empty"',
      ].join('\n'),
    )
    assert.deepEqual([settings.rules, settings.allows, settings.words], [[], [], []])
    assert.deepEqual(skipped.toSorted(), [
      'allowlists.0 of g.toml: a parenthesis is not closed',
      'allowlists.1 of g.toml: it names nothing that it allows',
      'colour in g.toml: it is no setting of gitleaks that is known',
      'extend.url in g.toml: nothing is fetched for a scan',
      'rule 4 of g.toml, line 12: it needs other rules beside it, which is not known here',
      'rule ahead of g.toml, line 4: a group begins as none of RE2 does',
      'rule files of g.toml, line 7: it finds files by their names, which are no secrets',
      'rule group of g.toml, line 15: it has no group 2',
      'rule none of g.toml, line 10: it has no regex, and Stint has no rule of its name',
      'shade of rule group of g.toml, line 15: it is no setting of a rule that is known',
    ])
  })

  test('that takes too long allows nothing', async () => {
    const slow = "[allowlist]\nregexes = ['''^(\\w+)+!$''']"
    let givenUp = 0
    const { found } = look((await read(slow)).settings, { a: pat }, () => {
      givenUp += 1
    })
    assert.deepEqual([found.length, givenUp], [1, 1])
  })

  test('that is no TOML or no configuration is refused, and nothing of it quoted', async () => {
    for (const [toml, why] of [
      ['a = 1\nSECRETWORD', / g\.toml is not TOML: line 2$/],
      ['[[rules]]\nregex = 1', / g\.toml: rules\.0\.regex: /],
      ["[allowlist]\ncondition = 'SECRETWORD'", / g\.toml: allowlist\.condition: /],
    ] as const)
      await assert.rejects(
        read(toml),
        (thrown: Error) => why.test(thrown.message) && !thrown.message.includes('SECRETWORD'),
        toml,
      )
  })
})

test('a configuration extends what is below its directory, and nothing that a link leads to', async (t) => {
  const base = mkdtempSync(join(tmpdir(), 'stint-scan-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  const root = join(base, 'root')
  mkdirSync(join(root, 'in'), { recursive: true })
  for (const file of ['out.toml', 'root/in/b.toml']) writeFileSync(join(base, file), RULE)
  symlinkSync(base, join(root, 'link'))
  for (const [path, rules] of [
    ['in/b.toml', 1],
    ['../out.toml', 0],
    ['link/out.toml', 0],
    ['none/b.toml', 0],
  ] as const) {
    writeFileSync(join(root, '.gitleaks.toml'), `[extend]\npath = "${path}"`)
    const skipped: string[] = []
    const settings = await loadProjectSettings(root, ({ why }) => skipped.push(why))
    assert.deepEqual([settings.rules.length, skipped.length], [rules, 1 - rules], path)
  }
})
