import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { alnum } from '../../src/scanner/sample.ts'
import { provenanceOf } from '../../src/scanner/sources/provenance.ts'
import { runCli } from './run-cli.ts'

const token = (seed: number): string => `github_pat_${alnum(22, seed)}_${alnum(59, seed)}`

/** A data directory, and a directory to scan. */
function prepare(t: TestContext): { readonly home: string; readonly root: string } {
  const base = mkdtempSync(join(tmpdir(), 'stint-scan-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  const [home, root] = [join(base, 'home'), join(base, 'root')]
  for (const path of [home, root]) mkdirSync(path, { mode: 0o700 })
  return { home, root }
}

describe('stint scan', () => {
  test('ends with 0 for nothing, 1 for findings, 2 when it could not look', async (t) => {
    const { home, root } = prepare(t)
    assert.equal((await runCli(home, 'scan', root)).code, 0)
    writeFileSync(join(root, 'a'), token(1))
    const { code, out } = await runCli(home, 'scan', root)
    assert.equal(code, 1)
    assert.match(out, /^GitHub .* \(high\): gith\*{8} .*\n {2}rule github-.*\n {2}a:1:1\n\n1 secret found in 1 object,/)
    assert.equal((await runCli(home, 'scan', join(root, 'none'))).code, 2)
  })

  test('says it in the format that is asked for, on standard output or in a file', async (t) => {
    const { home, root } = prepare(t)
    writeFileSync(join(root, 'a'), token(1))
    const sarif = JSON.parse((await runCli(home, 'scan', root, '--format', 'sarif')).out)
    assert.equal(sarif.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri, 'a')
    const file = join(home, 'report.csv')
    const { code, out, err } = await runCli(home, 'scan', root, '--format', 'csv', '--output', file, '--redact')
    assert.deepEqual([code, out, err], [1, '', `The report is in ${file}.\n`])
    assert.match(readFileSync(file, 'utf8'), /^"fingerprint",.*\n"[0-9a-f]{32}","no","","high",.*,"a","1","1",.*\n$/)
    assert.match(readFileSync(file, 'utf8'), /,"redacted",/)
    assert.doesNotMatch(readFileSync(file, 'utf8'), /\*{8}|characters/)
    const json = await runCli(home, 'scan', root, '--json')
    assert.equal((await runCli(home, 'scan', root, '--format', 'json')).out, json.out)
  })

  test('of a repository looks at history and working tree, or at a part; as a hook it keeps a secret out of a commit', async (t) => {
    const { home, root } = prepare(t)
    const git = (...args: readonly string[]): string =>
      execFileSync('git', ['-C', root, '-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], {
        env: { PATH: process.env.PATH, HOME: home, STINT_HOME: home },
        stdio: 'pipe',
      }).toString()
    const scanned = async (...args: readonly string[]): Promise<number> => {
      const { findings = [] } = JSON.parse((await runCli(home, 'scan', root, '--json', ...args)).out || '{}')
      return findings.length
    }
    git('init', '-q')
    writeFileSync(join(root, 'a'), token(1))
    git('add', 'a')
    git('commit', '-q', '-m', 'one')
    writeFileSync(join(root, '.gitignore'), 'c')
    for (const [at, file] of ['a', 'b', 'c'].entries()) writeFileSync(join(root, file), token(2 + at))
    git('add', 'b')
    assert.deepEqual([await scanned(), await scanned('--no-ignore'), await scanned('--staged')], [3, 4, 1])
    assert.equal(await scanned('--since', 'HEAD'), 0)
    for (const args of [
      ['--since', 'none'],
      ['--staged', '--files'],
      ['--staged', '--since', 'HEAD'],
    ])
      assert.equal((await runCli(home, 'scan', root, ...args)).code, 2, args.join(' '))
    assert.equal((await runCli(home, 'scan', home, '--staged')).code, 2)
    const stint = fileURLToPath(import.meta.resolve('../../bin/stint.js'))
    const hook = `#!/bin/sh\nexec '${process.execPath}' '${stint}' scan --staged\n`
    writeFileSync(join(root, '.git/hooks/pre-commit'), hook, { mode: 0o755 })
    assert.throws(() => git('commit', '-q', '-m', 'two'), /1 secret found/)
    writeFileSync(join(root, 'd'), 'nothing')
    git('add', 'd')
    git('commit', '-q', '-m', 'two', 'd')
    assert.throws(() => git('commit', '-q', '-m', 'three', 'a'), /1 secret found/)
  })

  test('goes on from the scan before, unless it is told not to', async (t) => {
    const { home, root } = prepare(t)
    execFileSync('git', ['init', '-q', root])
    execFileSync('git', ['-C', root, 'hash-object', '-w', '--stdin'], { input: token(1) })
    const looked = async (...args: readonly string[]): Promise<unknown> => {
      const { findings, items, earlier } = JSON.parse((await runCli(home, 'scan', root, '--json', ...args)).out)
      return [findings.length, items, earlier?.items]
    }
    assert.deepEqual(await looked('--no-state'), [1, 1, undefined])
    assert.equal(existsSync(join(home, 'scans')), false)
    for (const args of [[], ['--fresh']]) assert.deepEqual(await looked(...args), [1, 1, undefined])
    assert.deepEqual(await looked(), [1, 0, 1])
    assert.equal(statSync(join(home, 'scans')).mode & 0o777, 0o700)
    const [file = ''] = readdirSync(join(home, 'scans'))
    writeFileSync(join(home, 'scans', file), 'other')
    const { out, err } = await runCli(home, 'scan', root)
    assert.match(err, /^What an earlier scan kept is not used, so that everything is looked into: it is damaged/)
    assert.match(out, /1 secret found in 1 object,/)
    assert.match((await runCli(home, 'scan', root)).out, /found in 0 new objects, 0 kB, and in 1 that was looked into before\.$/m)
  })

  test('puts a file in the place of a link, and writes nothing through it', async (t) => {
    const { home, root } = prepare(t)
    const [file, elsewhere] = [join(root, 'report'), join(home, 'elsewhere')]
    writeFileSync(elsewhere, 'mine')
    symlinkSync(elsewhere, file)
    assert.equal((await runCli(home, 'scan', root, '--output', file)).code, 0)
    assert.equal(readFileSync(elsewhere, 'utf8'), 'mine')
    assert.ok(statSync(file).isFile())
  })

  test('counts neither what is allowed nor what is known', async (t) => {
    const { home, root } = prepare(t)
    for (const [name, seed] of [
      ['a', 1],
      ['b', 2],
    ] as const)
      writeFileSync(join(root, name), token(seed))
    writeFileSync(join(root, '.stint-scan.yaml'), 'allow: [{ paths: [a] }]')
    const baseline = join(home, 'known.json')
    const first = await runCli(home, 'scan', root, '--write-baseline', baseline)
    assert.equal(first.code, 1)
    assert.match(first.out, /^1 secret found.*\nPassed over 1 place that allow-lists name\.\n$/m)
    assert.ok(!readFileSync(baseline, 'utf8').includes(token(2).slice(0, 20)))
    const second = await runCli(home, 'scan', root, '--baseline', baseline)
    assert.equal(second.code, 0)
    assert.match(second.out, /\(high, known\)/)
    for (const [format, mark] of [
      ['sarif', '"suppressions"'],
      ['junit', 'failures="0" errors="0" skipped="1"'],
      ['csv', '"yes"'],
    ] as const)
      assert.ok((await runCli(home, 'scan', root, '--baseline', baseline, '--format', format)).out.includes(mark), format)
    assert.equal((await runCli(home, 'scan', root, '--baseline', baseline, '--no-allow-lists')).code, 1)
    assert.equal((await runCli(home, 'scan', root, '--baseline', join(home, 'none'))).code, 2)
  })

  test('looks at standard input and at the environment, and at files only where a path is named', async (t) => {
    const { home, root } = prepare(t)
    writeFileSync(join(root, 'a'), token(1))
    const stint = fileURLToPath(import.meta.resolve('../../bin/stint.js'))
    const env = { PATH: process.env.PATH, HOME: home, STINT_HOME: home, GH: token(2) }
    const { stdout, status } = spawnSync(process.execPath, [stint, 'scan', '-', '--env', '--format', 'csv'], {
      ...{ cwd: root, env, encoding: 'utf8', input: `\n ${token(3)}` },
    })
    assert.deepEqual(
      [status, [...stdout.matchAll(/"(?:stdin|env:GH|a)","\d+","\d+"/g)].flat().sort()],
      [1, ['"env:GH","1","1"', '"stdin","2","2"']],
    )
    assert.equal((await runCli(home, 'scan', '--env')).code, 0)
    writeFileSync(join(home, '.zsh_history'), token(4))
    assert.match((await runCli(home, 'scan', '--user-home')).out, /^ {2}\.zsh_history:1:1\n\n1 secret/m)
    assert.equal((await runCli(home, 'scan', '--user-home', join(root, 'a'))).code, 2)
    assert.equal((await runCli(home, 'scan', '--env', root)).code, 1)
    for (const part of [
      ['-', '--staged'],
      ['-', '--since', 'HEAD'],
      ['--env', '--staged'],
    ])
      assert.equal((await runCli(home, 'scan', ...part)).code, 2, part.join(' '))
  })

  test('looks for what rules of the project and of a named file know, and says which it had to give up', async (t) => {
    const { home, root } = prepare(t)
    const project = join(root, '.stint-scan.yaml')
    writeFileSync(join(root, 'a'), `acme_${alnum(20)} own_${alnum(20)} ${'a'.repeat(60)}b`)
    writeFileSync(project, 'rules: [{ id: acme, pattern: "acme_\\\\w{20}", keywords: [acme_] }]')
    writeFileSync(join(root, '.gitleaks.toml'), '[[rules]]\nid = "slow"\nregex = "(a+)+$"\n[allowlist]\npaths = ["toml$"]')
    writeFileSync(join(home, 'rules.yaml'), 'rules: [{ id: own, pattern: "own_\\\\w{20}", title: our own, confidence: high }]')
    const { code, out } = await runCli(home, 'scan', root, '--rules', join(home, 'rules.yaml'))
    assert.equal(code, 1)
    assert.match(
      out,
      /^rules\.yaml our own \(high\): own_[\s\S]*\n\.stint-scan\.yaml acme \(medium\): acme[\s\S]*\n2 secrets found/,
    )
    assert.match(out, /\nSkipped 1: it took longer than it may \(rule slow of \.gitleaks\.toml\)\n$/)
    assert.equal((await runCli(home, 'scan', root, '--no-allow-lists')).code, 0)
    assert.equal((await runCli(home, 'scan', root, '--rules', join(home, 'none'))).code, 2)
  })

  test('joins what another scanner found, and reads its report alone where no path is named', async (t) => {
    const { home, root } = prepare(t)
    writeFileSync(join(root, 'a'), token(1))
    const report = join(home, 'gitleaks.json')
    writeFileSync(report, JSON.stringify([1, 2].map((seed) => ({ RuleID: 'pat', Secret: token(seed), File: 'b', StartLine: 2 }))))
    const both = await runCli(home, 'scan', root, '--import', report)
    assert.match(both.out, /seen by stint, gitleaks\n {2}a:1:1\n {2}b:2:1\n[\s\S]*seen by gitleaks\n[\s\S]*\n2 secrets found/)
    assert.equal((await runCli(home, 'scan', '--import', report, '--json', '--fail-on', 'high')).code, 0)
    assert.equal((await runCli(home, 'scan', '--import', root)).code, 2)
  })

  test('follows no link in the place of an allow-list', async (t) => {
    const { home, root } = prepare(t)
    symlinkSync('/etc/passwd', join(root, '.gitleaksignore'))
    assert.equal((await runCli(home, 'scan', root)).code, 2)
    assert.equal((await runCli(home, 'scan', root, '--no-allow-lists')).code, 0)
  })

  test('looks at a server under a task only, and at all of it', async (t) => {
    const { home } = prepare(t)
    for (const args of [
      ['github:acme/app'],
      ['github:acme', '--env'],
      ['github:acme', '--since', 'HEAD'],
      [home, '--server', 'https://a.example'],
    ])
      assert.equal((await runCli(home, 'scan', ...args)).code, 2, args.join(' '))
  })

  test('names secrets by a key that it is given in a file', async (t) => {
    const { home, root } = prepare(t)
    writeFileSync(join(root, 'a'), token(1))
    const key = join(home, 'copy')
    writeFileSync(key, Buffer.alloc(32, 7).toString('base64'))
    const named = async (...args: readonly string[]): Promise<string> =>
      JSON.parse((await runCli(home, 'scan', root, '--json', ...args)).out).findings[0].fingerprint
    assert.equal(await named('--fingerprint-key', key), await named('--fingerprint-key', key))
    assert.notEqual(await named('--fingerprint-key', key), await named())
    assert.equal((await runCli(home, 'scan', root, '--fingerprint-key', '/dev/null')).code, 2)
  })

  test('refuses a format it does not know, and two at once', async (t) => {
    const { home, root } = prepare(t)
    assert.equal((await runCli(home, 'scan', root, '--format', 'pdf')).code, 2)
    assert.equal((await runCli(home, 'scan', root, '--json', '--format', 'csv')).code, 2)
    assert.equal((await runCli(home, 'scan', root, '--json', '--format', 'json')).code, 0)
  })
})

test('a repository is named by its origin without a user, or by where it lies', async (t) => {
  const { root } = prepare(t)
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', root, ...args])
      .toString()
      .trim()
  git('init', '-q')
  assert.deepEqual(await provenanceOf(root), { uri: `file://${root}` })
  git('-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', 'commit', '-q', '--allow-empty', '-m', 'one')
  const revision = git('rev-parse', 'HEAD')
  const origins = [
    ['https://ada:word@git.example/x.git?token=1#a', 'https://git.example/x.git'],
    ['git@git.example:o/x.git', 'ssh://git.example/o/x.git'],
    ['javascript://x/alert(1)', `file://${root}`],
    ['../other', `file://${root}`],
  ] as const
  for (const [origin, uri] of origins) {
    git('config', 'remote.origin.url', origin)
    assert.deepEqual(await provenanceOf(root), { uri, revision })
  }
})
