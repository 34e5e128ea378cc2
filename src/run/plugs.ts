import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { AWS_ENDPOINT_PATH } from './aws-endpoint.ts'
import { PLACEHOLDER, type ShownTarget } from './environment.ts'
import { registriesOf } from './plug/docker.ts'
import { PLAN_FILE, PLUG_VARIABLE, type PlugTarget } from './plug/plan.ts'
import { RUN_FILES } from './run-directory.ts'

/** Files of the run that let programs plug in; names are relative to its directory. */
export const PLUG_FILES = {
  programs: 'bin',
  plug: 'plug',
  kubeconfig: 'kubeconfig',
  docker: 'docker',
  awsConfig: 'aws-config',
  awsToken: 'aws-token',
} as const

/** Where everything is for the command. */
export interface PlugPlace {
  /** The run's directory, and the Node that runs what is in it. */
  readonly filesAt: string
  readonly nodeAt: string
  readonly proxy: URL
}

const MODULES = ['main.ts', 'ask.ts', 'plan.ts', 'git.ts', 'aws.ts', 'kubectl.ts', 'docker.ts']
/** The name by which each ecosystem looks for a program. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'git-credential-stint': 'git',
  'docker-credential-stint': 'docker',
  'aws-credential-stint': 'aws',
  'kubectl-credential-stint': 'kubectl',
}

/** The task's targets as plug points know them. */
export function planOf(targets: readonly ShownTarget[]): readonly PlugTarget[] {
  return targets.map(({ id, connector, hosts, plugPoints, credentialId, placement }) => ({
    ...{ id, connector, hosts, plugPoints },
    ...(credentialId !== undefined && { placeholder: placement.kind === 'placeholder' ? placement.placeholder : PLACEHOLDER }),
  }))
}

/** Writes the programs and what leads to them. All of it is public but the token of AWS's endpoint. */
export function writePlugs(directory: string, targets: readonly ShownTarget[], stintCa: string, place: PlugPlace): void {
  const at = (...names: string[]) => join(directory, ...names)
  for (const name of [PLUG_FILES.programs, PLUG_FILES.plug, PLUG_FILES.docker]) mkdirSync(at(name), { mode: 0o755 })
  for (const name of MODULES) copyFileSync(fileURLToPath(new URL(`./plug/${name}`, import.meta.url)), at(PLUG_FILES.plug, name))
  writeFileSync(at(PLUG_FILES.plug, 'package.json'), '{"type":"module"}')
  writeFileSync(at(PLUG_FILES.plug, PLAN_FILE), JSON.stringify(planOf(targets)))
  for (const [name, plug] of Object.entries(PROGRAMS)) {
    const words = [place.nodeAt, '--no-warnings', join(place.filesAt, PLUG_FILES.plug, 'main.ts'), plug].map(quote)
    writeFileSync(at(PLUG_FILES.programs, name), `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`)
    chmodSync(at(PLUG_FILES.programs, name), 0o755)
  }
  const helpers = Object.fromEntries(
    planOf(targets)
      .flatMap(registriesOf)
      .map(([server]) => [server, 'stint']),
  )
  writeFileSync(at(PLUG_FILES.docker, 'config.json'), JSON.stringify({ credHelpers: helpers }))
  writeFileSync(at(PLUG_FILES.kubeconfig), JSON.stringify(kubeconfig(targets, stintCa, place)))
  writeFileSync(at(PLUG_FILES.awsConfig), awsConfig(targets, place))
}

/** The one target that AWS's endpoint is for; it has no way to name one of several. */
export function awsTargetToServe(targets: readonly ShownTarget[]): ShownTarget | undefined {
  const [only, ...more] = targets.filter(({ connector }) => connector === 'aws')
  return more.length === 0 && only?.plugPoints.includes('aws') ? only : undefined
}

/** What the command is told of. */
export interface PlugTold {
  readonly targets: readonly ShownTarget[]
  /** Names of hidden things that the user shows: their own settings of these programs stay. */
  readonly allowed: readonly string[]
  readonly filesAt: string
  readonly searchPath: string
  /** The port of AWS's endpoint, where there is one. */
  readonly awsPort: number | undefined
}

/** The variables by which programs find the files. `undefined` removes one. */
export function plugVariables({ targets, allowed, filesAt, searchPath, awsPort }: PlugTold): Record<string, string | undefined> {
  const file = (name: string) => join(filesAt, name)
  const isKubernetes = targets.some(({ connector }) => connector === 'kubernetes')
  const isRegistry = planOf(targets).flatMap(registriesOf).length > 0
  return {
    [PLUG_VARIABLE]: file(PLUG_FILES.plug),
    PATH: [file(PLUG_FILES.programs), ...(searchPath === '' ? [] : [searchPath])].join(delimiter),
    ...(isKubernetes && !allowed.includes('kube') && { KUBECONFIG: file(PLUG_FILES.kubeconfig) }),
    ...(isRegistry && !allowed.includes('docker') && { DOCKER_CONFIG: file(PLUG_FILES.docker) }),
    ...(targets.some(({ plugPoints }) => plugPoints.includes('aws')) && !allowed.includes('aws') && awsVariables(file, awsPort)),
  }
}

/** A profile for each target; and where there is one only, what AWS's clients ask when nothing else is there. */
function awsVariables(file: (name: string) => string, port: number | undefined): Record<string, string | undefined> {
  const profiles = { AWS_CONFIG_FILE: file(PLUG_FILES.awsConfig), AWS_SHARED_CREDENTIALS_FILE: file(RUN_FILES.empty) }
  if (port === undefined) return profiles
  const before = ['ACCESS_KEY_ID', 'SECRET_ACCESS_KEY', 'SESSION_TOKEN', 'CONTAINER_CREDENTIALS_RELATIVE_URI']
  const gone = [...before, 'CONTAINER_AUTHORIZATION_TOKEN'].map((name) => [`AWS_${name}`, undefined])
  return {
    ...profiles,
    ...Object.fromEntries(gone),
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}${AWS_ENDPOINT_PATH}`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file(PLUG_FILES.awsToken),
  }
}

/** git's settings: this helper and no other, told of the repository. */
export function gitHelper(filesAt: string): readonly (readonly [key: string, value: string])[] {
  const program = join(filesAt, PLUG_FILES.programs, 'git-credential-stint')
  return [
    ['credential.helper', `!${quote(program)}`],
    ['credential.useHttpPath', 'true'],
  ]
}

/** Kubernetes, "Organizing Cluster Access Using kubeconfig Files": JSON is YAML. */
function kubeconfig(targets: readonly ShownTarget[], stintCa: string, { filesAt, proxy }: PlugPlace): object {
  const clusters = targets.filter(({ connector }) => connector === 'kubernetes')
  const exec = (id: string) => ({
    apiVersion: 'client.authentication.k8s.io/v1',
    command: join(filesAt, PLUG_FILES.programs, 'kubectl-credential-stint'),
    ...{ args: [id], interactiveMode: 'Never' },
  })
  return {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': clusters[0]?.id ?? '' },
    clusters: clusters.map(({ id, hosts, trustedCa = '' }) => {
      const { scheme, host, port } = hosts[0] ?? { scheme: 'https', host: '', port: 443 }
      const roots = Buffer.from(`${stintCa}\n${trustedCa}`).toString('base64')
      const cluster = { server: `${scheme}://${host}:${port}`, 'proxy-url': proxy.href, 'certificate-authority-data': roots }
      return { name: id, cluster }
    }),
    users: clusters.map(({ id, plugPoints }) => {
      return { name: id, user: plugPoints.includes('kubectl') ? { exec: exec(id) } : { token: PLACEHOLDER } }
    }),
    contexts: clusters.map(({ id, settings }) => {
      const namespace = settings?.hand_out_namespace
      return { name: id, context: { cluster: id, user: id, ...(namespace !== undefined && { namespace }) } }
    }),
  }
}

/** AWS SDKs and Tools Reference Guide, "Shared config and credentials files": a profile for each target, by its name. */
function awsConfig(targets: readonly ShownTarget[], { filesAt }: PlugPlace): string {
  const program = join(filesAt, PLUG_FILES.programs, 'aws-credential-stint')
  const handed = targets.filter(({ plugPoints }) => plugPoints.includes('aws'))
  const profiles = handed.map(({ id, settings }) => {
    const region = [settings?.regions ?? []].flat()[0]
    return `[profile ${id}]\ncredential_process = "${program}" ${id}\n${region === undefined ? '' : `region = ${region}\n`}`
  })
  return profiles.join('\n')
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
