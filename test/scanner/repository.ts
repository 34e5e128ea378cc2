import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** A directory that goes with the test. */
export function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'stint-scan-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A repository, and git on it. */
export function repository(t: TestContext) {
  const path = directory(t)
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: path,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'ada@example.org',
  }
  const git = (args: readonly string[], input: string | Buffer = ''): string =>
    execFileSync('git', ['-C', path, ...args], {
      input,
      env: { ...env, GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org' },
    })
      .toString()
      .trim()
  git(['init', '-q', '-b', 'main'])
  const commit = (files: Readonly<Record<string, string>>, message = 'a change'): string => {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(path, file)), { recursive: true })
      writeFileSync(join(path, file), text)
    }
    git(['add', '-A'])
    git(['commit', '-q', '--allow-empty', '-m', message])
    return git(['rev-parse', 'HEAD'])
  }
  return { path, git, commit }
}
