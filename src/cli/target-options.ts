import { readFile } from 'node:fs/promises'
import type { Connector } from '../credentials/connector.ts'
import { StintError } from '../errors.ts'
import type { HostRule, Placement, Preset, Scheme, Target } from '../model.ts'
import { PRESETS, presetLabel } from '../targets/presets.ts'

/** What `stint target add` was given. */
export interface TargetOptions {
  readonly preset?: string
  readonly host?: readonly string[]
  readonly connector?: string
  readonly credential?: string | false
  readonly username?: string
  readonly inject?: string
  readonly environment?: Target['environment']
  readonly sensitivity?: Target['sensitivity']
  readonly label?: readonly string[]
  readonly privateNetwork?: readonly string[]
  readonly caFile?: string
  readonly set?: readonly string[]
  readonly handOut?: boolean
  readonly price?: readonly string[]
}

/** The target that the options describe: a preset where one is meant, then what was given. Throws `invalid_argument`. */
export async function targetFrom(name: string, options: TargetOptions): Promise<Target> {
  const preset = presetOf(name, options)
  const { CONNECTORS } = await import('../credentials/connectors/index.ts')
  const kind = options.connector ?? preset?.connector ?? 'http'
  const connector = CONNECTORS[kind]
  const isProgram = options.set?.some((pair) => pair.startsWith('command=')) === true
  const hosts = options.host?.map(readHost) ?? preset?.hosts ?? (isProgram ? [readHost(`${name}.mcp.internal`)] : [])
  if (hosts.length === 0) throw missing('--host', preset)
  const credentialId =
    isProgram && options.inject === undefined && !options.credential ? undefined : credentialOf(name, options, preset)
  const labels = [...(options.label ?? []), ...(preset === undefined ? [] : [presetLabel(preset.id)])]
  return {
    id: name,
    connector: kind,
    hosts,
    environment: options.environment ?? preset?.environment ?? 'unknown',
    sensitivity: options.sensitivity ?? preset?.sensitivity ?? 'internal',
    labels,
    privateNetworks: options.privateNetwork ?? [],
    ...(options.caFile !== undefined && { trustedCa: await readPem(options.caFile) }),
    ...(credentialId !== undefined && { credentialId }),
    placement: credentialId === undefined ? { kind: 'none' } : placementOf(options, preset, connector),
    ...(options.set !== undefined && { settings: readSettings(options.set, connector) }),
    ...(options.handOut === true && { handsOut: true }),
    ...(options.price !== undefined && { prices: readPrices(options.price) }),
  }
}

/** `http:POST=5`; an action's name may hold an equals sign. */
function readPrices(pairs: readonly string[]): Record<string, number> {
  const prices = pairs.map((pair) => {
    const [, action = '', price = ''] = /^(.+)=(\d{1,10})$/.exec(pair) ?? []
    if (action === '') throw new StintError('invalid_argument', '--price takes ACTION=NUMBER, such as http:POST=5 or *=1')
    return [action, Number(price)] as const
  })
  return Object.fromEntries(prices)
}

/** `name=value`, and again for a list. Which are lists the connector says; one it does not know is refused by the server. */
function readSettings(pairs: readonly string[], connector: Connector | undefined): Record<string, string | string[]> {
  const known = connector?.minting?.settings ?? connector?.settings ?? {}
  const settings: Record<string, string | string[]> = {}
  for (const pair of pairs) {
    const [, name = '', value = ''] = /^([a-z][a-z0-9_]*)=(.*)$/s.exec(pair) ?? []
    if (name === '') throw new StintError('invalid_argument', '--set takes NAME=VALUE')
    const before = settings[name]
    if (known[name]?.isList === true) settings[name] = [...(before ?? []), value]
    else if (before === undefined) settings[name] = value
    else throw new StintError('invalid_argument', `--set ${name} is given twice and takes one value`)
  }
  return settings
}

function presetOf(name: string, options: TargetOptions): Preset | undefined {
  const preset = PRESETS.find(({ id }) => id === (options.preset ?? name))
  if (preset === undefined && options.preset !== undefined) {
    throw new StintError('invalid_argument', `there is no preset ${options.preset}; \`stint target presets\` lists them`)
  }
  return options.preset === undefined && options.host !== undefined ? undefined : preset
}

function credentialOf(name: string, { credential }: TargetOptions, preset: Preset | undefined): string | undefined {
  if (credential === false) return undefined
  if (typeof credential === 'string') return credential
  return preset === undefined || preset.credential === 'required' ? name : undefined
}

function placementOf(options: TargetOptions, preset: Preset | undefined, connector: Connector | undefined): Placement {
  if (options.inject !== undefined) return readPlacement(options.inject)
  if (connector?.minting !== undefined) return { kind: 'none' }
  const usual = connector?.defaultPlacement ?? { kind: 'header', name: 'authorization', prefix: 'Bearer ' }
  const isUsual = preset === undefined || preset.placement.kind === 'none' || options.connector !== undefined
  const placement = isUsual ? usual : preset.placement
  if (preset?.asks.includes('username') && options.username === undefined) throw missing('--username', preset)
  if (options.username === undefined) return placement
  return { kind: 'basic', username: options.username }
}

function readPlacement(text: string): Placement {
  const [kind = '', ...rest] = text.split(':')
  const value = rest.join(':')
  if (kind === 'bearer' && value === '') return { kind: 'header', name: 'authorization', prefix: 'Bearer ' }
  if (kind === 'basic') return { kind, username: value }
  if (kind === 'header' && value !== '') return { kind, name: value, prefix: '' }
  if (kind === 'query' && value !== '') return { kind, name: value }
  if (kind === 'placeholder' && value !== '') return { kind, placeholder: value, body: true }
  if (kind === 'env' && value !== '') return { kind, name: value }
  throw new StintError(
    'invalid_argument',
    '--inject takes bearer, header:NAME, basic:USERNAME, query:NAME, placeholder:TEXT or env:NAME',
  )
}

/** The port that an address without one means. */
export const DEFAULT_PORTS: Readonly<Record<Scheme, number>> = {
  http: 80,
  https: 443,
  postgres: 5432,
  mysql: 3306,
  redis: 6379,
  ssh: 22,
}

function readHost(text: string): HostRule {
  const [, scheme = 'https', host = '', port] =
    /^(?:([a-z]+):\/\/)?(\*?[a-zA-Z0-9._-]+|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?\/?$/.exec(text) ?? []
  if (host === '' || !isScheme(scheme))
    throw new StintError(
      'invalid_argument',
      '--host takes example.com, *.example.com, example.com:8443, http://127.0.0.1:8080 or postgres://db.example.com',
    )
  return { scheme, host: host.toLowerCase(), port: Number(port ?? DEFAULT_PORTS[scheme]) }
}

function isScheme(text: string): text is Scheme {
  return Object.hasOwn(DEFAULT_PORTS, text)
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new StintError('invalid_argument', `${path} cannot be read`, { cause })
  }
}

function missing(option: string, preset: Preset | undefined): StintError {
  const why = preset === undefined ? 'no preset has this name, so it is needed' : `the preset ${preset.id} needs it`
  return new StintError('invalid_argument', `${option} is missing: ${why}`)
}
