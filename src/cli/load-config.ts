import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type Config, readConfig } from '../config.ts'
import { StintError } from '../errors.ts'

/** The settings of a data directory: the environment over its config.yaml over the defaults. Throws `invalid_config`. */
export function loadConfig(env: NodeJS.ProcessEnv, home: string): Config {
  return readConfig({ ...env, STINT_HOME: home }, readSettingsFile(join(home, 'config.yaml')))
}

function readSettingsFile(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'))
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    throw new StintError('invalid_config', `${path} cannot be read: ${why}`, { cause: thrown })
  }
}
