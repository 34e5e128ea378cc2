import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { stat, statfs } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findHidden } from '../../run/hidden-paths.ts'
import { type Check, fail, ok, warn } from './check.ts'

const run = promisify(execFile)

const MIB = 1_048_576

/** What the machine must have, whether or not Stint runs. */
export const MACHINE: readonly Check[] = [
  {
    what: 'Node',
    look: () => {
      const { node } = process.versions
      return Number(node.split('.', 1)[0]) >= 24
        ? ok(node)
        : fail(`${node} is too old`, 'run `npm ci`, which brings Node 24, or install it')
    },
  },
  {
    what: 'sandbox',
    look: async () => {
      if (process.platform !== 'linux')
        return warn('runs are sandboxed on Linux only', 'read in SECURITY.md what is then not protected')
      try {
        await run('bwrap', ['--unshare-user', '--unshare-net', '--unshare-pid', '--ro-bind', '/', '/', 'true'], {
          timeout: 10_000,
        })
        return ok('bubblewrap works')
      } catch (thrown) {
        return isMissing(thrown)
          ? warn('bubblewrap is not installed, so runs are not isolated', 'install it: apt install bubblewrap')
          : warn(
              'bubblewrap cannot make user namespaces here',
              'allow them: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run outside this container',
            )
      }
    },
  },
  // git 2.18 speaks protocol 2 through proxies; curl 7.52 takes CURL_CA_BUNDLE for the proxied host too.
  { what: 'git', look: () => atLeast('git', [2, 18]) },
  { what: 'curl', look: () => atLeast('curl', [7, 52]) },
  {
    what: 'proxy variables',
    look: ({ env }) => {
      const set = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].filter((name) => env[name] || env[name.toLowerCase()])
      if (set.length === 0) return ok('none are set')
      return warn(
        `${set.join(', ')} set; Stint reaches targets directly`,
        'let the machine of Stint reach its targets without that proxy',
      )
    },
  },
  {
    what: 'standing credentials',
    look: ({ env }) => {
      const shown = [...new Set(findHidden([homedir()], env).map((one) => one.shown))].filter((one) => one.startsWith('~/'))
      if (shown.length === 0) return ok('none lie around where tools look')
      return warn(`${shown.join(', ')}`, 'sandboxed runs cannot see them; delete those that Stint replaces')
    },
  },
  {
    what: 'disk space',
    look: async ({ home }) => {
      const { bavail, bsize } = await statfs(nearest(home))
      const mib = Math.floor((bavail * bsize) / MIB)
      const found = `${mib} MiB free`
      if (mib < 100) return fail(found, 'free some: when the log cannot be written, everything is refused')
      return mib < 1024 ? warn(found, 'free some before the log fills it') : ok(found)
    },
  },
  {
    what: 'clock',
    look: async ({ home, now }) => {
      const newest = await stat(join(home, 'ca.pem')).catch(() => undefined)
      if (newest !== undefined && newest.mtimeMs > now + 60_000)
        return fail(
          'the clock is behind the files of Stint',
          'set the clock: timedatectl set-ntp true; tokens and certificates depend on it',
        )
      return now > Date.UTC(2026, 0)
        ? ok(new Date(now).toISOString())
        : fail(new Date(now).toISOString(), 'set the clock: timedatectl set-ntp true')
    },
  },
]

async function atLeast(tool: string, [major, minor]: readonly [number, number]) {
  const wanted = `${major}.${minor}`
  try {
    const { stdout } = await run(tool, ['--version'], { timeout: 10_000 })
    const [, has = '', have = ''] = /(\d+)\.(\d+)/.exec(stdout) ?? []
    const enough = Number(has) > major || (Number(has) === major && Number(have) >= minor)
    return enough ? ok(`${has}.${have}`) : warn(`${has}.${have} may not trust the gateway`, `install ${tool} ${wanted} or newer`)
  } catch (thrown) {
    return isMissing(thrown) ? ok('not installed') : warn('does not run', `reinstall ${tool}`)
  }
}

function isMissing(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT'
}

/** The directory itself, or the nearest one above it that exists. */
function nearest(directory: string): string {
  return existsSync(directory) || dirname(directory) === directory ? directory : nearest(dirname(directory))
}
