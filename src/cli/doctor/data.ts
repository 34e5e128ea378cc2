import { X509Certificate } from 'node:crypto'
import { lstat, readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { placesIn } from '../../home.ts'
import { findStarterChanges } from '../../policy/starter.ts'
import { lookInFile } from '../../store/left-behind.ts'
import { type Check, type Finding, fail, ok, warn } from './check.ts'

const DAY_MS = 86_400_000

/** The data directory, its settings and the ports they name. */
export const DATA: readonly Check[] = [
  {
    what: 'data directory',
    look: async ({ home }) => {
      const found = await lstat(home).catch(() => undefined)
      if (found === undefined) return warn(`${home} is not there yet`, 'start Stint once: stint start')
      if (!found.isDirectory()) return fail(`${home} is not a directory`, 'move it away, or set STINT_HOME')
      if (found.uid !== process.getuid?.()) return fail(`${home} belongs to another user`, `own it: chown -R "$USER" '${home}'`)
      if ((found.mode & 0o077) !== 0) return fail(`${home} is open to others`, `close it: chmod 700 '${home}'`)
      return ok(home)
    },
  },
  {
    what: 'files in it',
    look: async ({ home }) => {
      const open = await openToOthers(home)
      return open.length === 0
        ? ok('only the CA certificate is public')
        : fail(`${open.join(', ')} can be read by others`, `close them: chmod 600 in '${home}'`)
    },
  },
  {
    what: 'settings',
    look: ({ configError }) =>
      configError === undefined ? ok('valid') : fail(configError, 'correct it in config.yaml or the environment'),
  },
  {
    what: 'state',
    look: ({ home, config }) => {
      if (config === undefined) return ok('not checked: the settings are not valid')
      const isShared = config.databaseUrl !== undefined
      const held = lookInFile(placesIn(home).database)
      if (held === 'moved' && !isShared)
        return fail('it was moved to PostgreSQL', 'set STINT_DATABASE_URL, or move it back: stint state move --to sqlite')
      if (held === 'state' && isShared)
        return warn('in PostgreSQL, and there is one in state.db as well', 'if it belongs there: stint state move --to postgres')
      return ok(isShared ? 'in PostgreSQL' : 'in the data directory')
    },
  },
  {
    what: 'starter policies',
    look: async ({ home }) => {
      const { policies } = placesIn(home)
      if (!(await lstat(policies).catch(() => undefined))) return ok('not copied yet')
      const changes = await findStarterChanges(policies)
      return changes.length === 0
        ? ok('no change that you have not seen')
        : warn(`${changes.map(({ name }) => name).join(', ')}: not as in this version`, 'see how: stint policy starter')
    },
  },
  {
    what: 'ports',
    look: async ({ config, running }) => {
      if (running || config === undefined)
        return ok(running ? 'in use by Stint itself' : 'not checked: the settings are not valid')
      const ports = { STINT_API_PORT: config.apiPort, STINT_GATEWAY_PORT: config.gatewayPort }
      for (const [variable, port] of Object.entries(ports)) {
        if (await isTaken(config.host, port))
          return fail(`port ${port} is taken by another program`, `choose another: ${variable}=0 stint start`)
      }
      return ok(`${config.apiPort} and ${config.gatewayPort} are free`)
    },
  },
  { what: 'CA certificate', look: async ({ home, now }) => certificate(join(home, 'ca.pem'), now) },
]

/** Files under the directory that anyone else may read; the CA certificate may be. */
async function openToOthers(home: string): Promise<string[]> {
  const names = await readdir(home).catch(() => [])
  const open = await Promise.all(
    names.map(async (name) => {
      const found = await lstat(join(home, name))
      return !found.isSymbolicLink() && (found.mode & 0o044) !== 0 && name !== 'ca.pem' && found.isFile()
    }),
  )
  return names.filter((_, at) => open[at])
}

function isTaken(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer()
    probe.once('error', () => done(true))
    probe.listen(port, host, () => probe.close(() => done(false)))
  })
}

async function certificate(path: string, now: number): Promise<Finding> {
  const pem = await readFile(path).catch((error: NodeJS.ErrnoException) => error.code ?? 'unreadable')
  if (pem === 'ENOENT') return warn('not made yet', 'start Stint once: stint start')
  if (typeof pem === 'string') return fail(`${path} cannot be read`, `let its owner read it: chmod 644 '${path}'`)
  const daysLeft = Math.floor((Date.parse(new X509Certificate(pem).validTo) - now) / DAY_MS)
  if (daysLeft < 0) return fail('it has expired', 'move ca.pem and its key away and restart; runs then trust the new one')
  return daysLeft < 30 ? warn(`it expires in ${daysLeft} days`, 'plan to replace it') : ok(`valid for ${daysLeft} days`)
}
