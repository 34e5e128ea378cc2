import { type Command, Option } from 'commander'
import type { CredentialListing, IdentityListing, Page } from '../../api/verbs.ts'
import { CONNECTOR_KINDS } from '../../credentials/connector-kinds.ts'
import type { Placement, Preset, Target } from '../../model.ts'
import { PRESETS } from '../../targets/presets.ts'
import type { CommandContext, Register } from '../command.ts'
import { addList } from '../list.ts'
import { facts, fromNow, table } from '../table.ts'
import { DEFAULT_PORTS, type TargetOptions, targetFrom } from '../target-options.ts'

const EXAMPLES = `
Examples:
  $ stint target add github                          the preset of that name
  $ stint target add work --preset gitlab-self-managed --host gitlab.example.com
  $ stint target add orders --host api.example.com --inject header:X-Api-Key --environment production
  $ stint target add local --host https://127.0.0.1:8443 --private-network 127.0.0.1/32 --ca-file ca.pem
  $ stint target add notes --connector mcp --set command=npx args=-y args=@modelcontextprotocol/server-memory`

/** `stint target add | list | show | remove | presets`. */
export const register: Register = (program, context) => {
  const target = program.command('target').description('systems that can be acted on, and where their credential goes')
  registerAdd(target, context)
  addList<Target>(target.command('list').description('list the targets'), context, {
    ...{ path: '/v1/targets', limit: 500, text: listing },
  })
  target
    .command('show <target>')
    .description('show one target')
    .action(async (id: string) => context.output.print(await context.call<Target>('GET', pathOf(id)), describe))
  target
    .command('remove <target>')
    .description('forget a target; requests to its hosts are refused from now on')
    .action(async (id: string) => {
      await context.call('DELETE', pathOf(id))
      context.output.print({ removed: id }, () => `Target ${id} is removed; requests to its hosts are refused.`)
    })
  target
    .command('discover <target>')
    .description('list who can act there, as far as the credential that makes others can see')
    .action(async (id: string) =>
      context.output.print(await context.call<{ items: IdentityListing[] }>('POST', `${pathOf(id)}/discover`), identities),
    )
  target
    .command('presets')
    .description('list the systems that are ready to add')
    .action(() => context.output.print({ items: PRESETS }, presetListing))
}

function registerAdd(target: Command, context: CommandContext): void {
  target
    .command('add <name>')
    .description('declare a system that can be acted on')
    .option('--preset <preset>', 'start from a well-known system; without it, the preset called <name> if there is one')
    .option('--host <host>', 'a host it answers on: example.com, *.example.com, http://127.0.0.1:8080; repeatable', append)
    .addOption(new Option('--connector <kind>', 'what understands its requests (default: http)').choices(CONNECTOR_KINDS))
    .option('--credential <name>', 'the credential to inject (default: the name of the target)')
    .option('--no-credential', 'inject nothing')
    .option('--username <name>', 'the username beside the credential, for basic auth')
    .option(
      '--inject <where>',
      'where the credential goes: bearer, header:NAME, basic:USERNAME, query:NAME, placeholder:TEXT, env:NAME',
    )
    .addOption(new Option('--environment <kind>', 'for policies').choices(['production', 'staging', 'development', 'unknown']))
    .addOption(new Option('--sensitivity <kind>', 'for policies').choices(['public', 'internal', 'confidential', 'restricted']))
    .option('--label <text>', 'a label for policies; repeatable', append)
    .option('--private-network <cidr>', 'a private network it may live in, like 10.1.0.0/16; repeatable', append)
    .option('--ca-file <path>', 'PEM file of the CA that signed its certificate')
    .option('--set <name=value...>', 'a setting of its connector; again for a list')
    .option('--price <action=number>', 'what an act costs, in cents or the like; * at the end matches more; repeatable', append)
    .option('--hand-out', 'let programs that cannot be proxied be handed what is minted for their task')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, options: TargetOptions) => {
      const added = await context.call<Target>('POST', '/v1/targets', await targetFrom(name, options))
      const next = await nextStep(added, context)
      context.output.print(added, (one) => `${describe(one)}\n\nNext: ${next}`)
    })
}

/** What its user does now: give the credential if the vault has none, else run something. */
async function nextStep(target: Target, { call }: CommandContext): Promise<string> {
  const { items } = await call<Page<CredentialListing>>('GET', '/v1/credentials?limit=500')
  const { id, credentialId } = target
  const isThere = credentialId === undefined || items.some((one) => one.id === credentialId)
  return isThere ? `stint run --task "what it is for" --target ${id} -- <command>` : `stint credential add ${credentialId}`
}

function listing({ items }: Page<Target>): string {
  const rows = items.map((one) => [
    one.id,
    one.connector,
    hostsOf(one),
    one.environment,
    one.sensitivity,
    `${one.credentialId ?? '-'}${one.handsOut ? ' (handed out)' : ''}`,
  ])
  return table(
    ['TARGET', 'CONNECTOR', 'HOSTS', 'ENVIRONMENT', 'SENSITIVITY', 'CREDENTIAL'],
    rows,
    'No targets. Add one with `stint target add`.',
  )
}

function identities({ items }: { readonly items: readonly IdentityListing[] }): string {
  const now = Date.now()
  const rows = items.map((one) => [
    one.kind,
    one.id,
    one.access,
    one.isUsable ? 'yes' : 'no',
    one.lastUsedAt === undefined ? '-' : fromNow(one.lastUsedAt, now),
    one.expiresAt === undefined ? 'never' : fromNow(one.expiresAt, now),
    one.leaseId ?? '-',
  ])
  return table(['KIND', 'NAME', 'ACCESS', 'USABLE', 'LAST USED', 'EXPIRES', 'LEASE'], rows, 'Nobody can act there.')
}

function presetListing({ items }: Page<Preset>): string {
  const rows = items.map((one) => [
    one.id,
    one.summary + (one.asks.length > 0 ? ` Needs ${one.asks.map((ask) => `--${ask}`).join(' ')}.` : ''),
  ])
  return table(['PRESET', 'WHAT IT IS'], rows, '')
}

function describe(target: Target): string {
  return facts([
    ['target', target.id],
    ['connector', target.connector],
    ['hosts', hostsOf(target)],
    ['environment', target.environment],
    ['sensitivity', target.sensitivity],
    ['credential', target.credentialId ?? 'none'],
    [
      'injected',
      target.placement.kind === 'none' && target.credentialId !== undefined
        ? 'what is made for each task'
        : injected(target.placement),
    ],
    ...Object.entries(target.prices ?? {}).map(([action, price]): [string, string] => ['price', `${action} costs ${price}`]),
    ['handed out', target.handsOut ? 'what is made for a task, to programs of it' : undefined],
    ['labels', target.labels.join(' ') || undefined],
    ['networks', target.privateNetworks.join(' ') || undefined],
    ['own CA', target.trustedCa === undefined ? undefined : 'yes'],
  ])
}

function injected(placement: Placement): string {
  switch (placement.kind) {
    case 'none':
      return 'nothing'
    case 'header':
      return `header ${placement.name}`
    case 'basic':
      return `basic auth as ${placement.username || '(no username)'}`
    case 'query':
      return `query parameter ${placement.name}`
    case 'placeholder':
      return `in place of ${placement.placeholder}`
    case 'env':
      return `environment variable ${placement.name} of its program`
  }
}

function hostsOf({ hosts }: Target): string {
  return hosts.map(({ scheme, host, port }) => `${scheme}://${host}${port === DEFAULT_PORTS[scheme] ? '' : `:${port}`}`).join(' ')
}

function pathOf(id: string): string {
  return `/v1/targets/${encodeURIComponent(id)}`
}

function append(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
