import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Cell } from './cell.ts'
import type { ShownTarget } from './environment.ts'
import { answerFirstWords } from './wires.ts'

/** Where the files are in the run's directory; ssh looks for the first in `~/.ssh`. */
const [DIRECTORY, CONFIG, KNOWN_HOSTS, CONNECT] = ['ssh', 'config', 'known_hosts', 'connect.mjs']

/** How a key of that type signs (RFC 8332); others sign in one way. */
const ALGORITHMS: Readonly<Record<string, string>> = { 'ssh-rsa': 'rsa-sha2-512,rsa-sha2-256' }

/** What leads the command's ssh to its servers. */
export interface SshSetup {
  /** `undefined` removes the variable. */
  readonly variables: Readonly<Record<string, string | undefined>>
  /** Lines for the user. */
  readonly says: readonly string[]
}

/** Those that are spoken to over SSH. */
function sshTargets(targets: readonly ShownTarget[]): readonly ShownTarget[] {
  return targets.filter(({ hosts }) => hosts.some(({ scheme }) => scheme === 'ssh'))
}

/** Makes the directory that shows as `~/.ssh`, where a target needs one; what is in it follows. Answers its host path. */
export function sshDirectoryFor(targets: readonly ShownTarget[], runDirectory: string): string | undefined {
  if (sshTargets(targets).length === 0) return undefined
  const path = join(runDirectory, DIRECTORY)
  mkdirSync(path, { mode: 0o755 })
  return path
}

/**
 * Writes the configuration for the command's ssh, which takes every way through the proxy and every key from the agent, and knows the
 * declared host keys only. Where the user's own is `allowed`, that stays what ssh finds by itself.
 */
export function setUpSsh(all: readonly ShownTarget[], cell: Cell, runDirectory: string, isAllowed: boolean): SshSetup {
  const targets = sshTargets(all)
  if (targets.length === 0) return { variables: {}, says: [] }
  if (cell.agent === undefined)
    return { variables: {}, says: targets.map(({ id }) => `${id}: not reached without a sandbox on this machine`) }
  const directory = join(runDirectory, DIRECTORY)
  const put = (name: string, text: string) => writeFileSync(join(directory, name), text, { mode: 0o644 })
  copyFileSync(fileURLToPath(new URL(`./ssh-connect${extname(import.meta.url)}`, import.meta.url)), join(directory, CONNECT))
  const at = (name: string) => join(cell.filesAt, DIRECTORY, name)
  const connect = [cell.nodeAt, at(CONNECT), cell.proxy.port].map(quote).join(' ')
  put(KNOWN_HOSTS, targets.flatMap(knownHosts).join(''))
  put(CONFIG, sshConfig(targets, { connect, agent: cell.agent.path, knownHosts: at(KNOWN_HOSTS) }))
  const command = `ssh -F ${quote(at(CONFIG))}`
  const led = { SSH_AUTH_SOCK: cell.agent.path, GIT_SSH_COMMAND: command, RSYNC_RSH: command }
  const spoken = cell.proof === 'sandbox' && !isAllowed ? 'ssh' : command
  return {
    variables: isAllowed ? {} : { ...led, SSH_AGENT_PID: undefined, GIT_SSH: undefined },
    says: targets.map(({ id }) => `${id}: SSH, without a key (${spoken} ${id})`),
  }
}

/** Nothing can be signed: SSH_AGENT_FAILURE (draft-ietf-sshm-ssh-agent, section 3.1). */
export function refuseInAgent(client: Socket): void {
  answerFirstWords(client, Buffer.of(0, 0, 0, 1, 5))
}

/** In the order of the file the first value counts (ssh_config(5)). */
function sshConfig(
  targets: readonly ShownTarget[],
  { connect, agent, knownHosts }: { readonly connect: string; readonly agent: string; readonly knownHosts: string },
): string {
  const all = {
    ProxyCommand: `${literal(connect)} '%h' '%p'`,
    IdentityAgent: quoteInConfig(agent),
    IdentityFile: 'none',
    PreferredAuthentications: 'publickey',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: quoteInConfig(knownHosts),
    GlobalKnownHostsFile: 'none',
    UpdateHostKeys: 'no',
    ForwardAgent: 'no',
  }
  return [...targets.flatMap(sectionsOf), section('*', all)].join('\n')
}

/** Its one server, by the name of the target and by its own. */
function sectionsOf(target: ShownTarget): readonly string[] {
  const { id, settings = {} } = target
  const { host, port } = serverOf(target)
  const [principal = '', ...more] = [settings.principals ?? []].flat()
  const types = new Set([settings.host_keys ?? []].flat().map((line) => line.split(' ')[0] ?? ''))
  const algorithms = [...types].map((type) => ALGORITHMS[type] ?? type).join(',')
  const user = more.length === 0 ? { User: principal } : {}
  return [section(id, { HostName: host }), section(`${id} ${host}`, { Port: port, ...user, HostKeyAlgorithms: algorithms })]
}

function section(patterns: string, settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `  ${name} ${value}\n`)
  return `Host ${patterns}\n${lines.join('')}`
}

/** In the form of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". */
function knownHosts(target: ShownTarget): readonly string[] {
  const { host, port } = serverOf(target)
  const name = port === '22' ? host : `[${host}]:${port}`
  return [target.settings?.host_keys ?? []].flat().map((key) => `${name} ${key}\n`)
}

function serverOf({ hosts }: ShownTarget): { readonly host: string; readonly port: string } {
  const rule = hosts.find(({ scheme }) => scheme === 'ssh')
  return { host: (rule?.host ?? '').replace(/^\[|\]$/g, ''), port: String(rule?.port) }
}

/** A `%` that stands for itself (ssh_config(5), "TOKENS"). */
function literal(text: string): string {
  return text.replaceAll('%', '%%')
}

/** One word of ssh_config(5). */
function quoteInConfig(path: string): string {
  return `"${literal(path).replaceAll(/["\\]/g, '\\$&')}"`
}

/** One word of a shell. */
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `"${path.replaceAll(/["$`\\]/g, '\\$&')}"`
}
