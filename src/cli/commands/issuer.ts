import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import type { Page } from '../../api/verbs.ts'
import { StintError } from '../../errors.ts'
import type { IssuerRule } from '../../model.ts'
import { parseDuration } from '../../run/duration.ts'
import { readBudget } from '../budget.ts'
import type { CommandContext, Register } from '../command.ts'
import { addList } from '../list.ts'

/** An issuer as the API shows it. */
interface ShownIssuer {
  readonly id: string
  readonly issuer: string
  readonly audience: string
  readonly rules: readonly IssuerRule[]
}

interface AddOptions {
  readonly file?: string
  readonly kind: string
  readonly issuer?: string
  readonly audience?: string
  readonly claim: readonly string[]
  readonly workload?: string
  readonly owner?: string
  readonly target: readonly string[]
  readonly action: readonly string[]
  readonly maxTtl: string
  readonly maxBudget?: string
  readonly allowReuse?: true
  readonly privateNetwork: readonly string[]
  readonly trustedCa?: string
}

type Examined =
  | { readonly accepted: true; readonly caller: { readonly id: string }; readonly rule: IssuerRule }
  | { readonly accepted: false; readonly code: string; readonly detail: string }

/** `stint issuer add | list | remove | test`: whose tokens may start tasks. */
export const register: Register = (program, context) => {
  const issuer = program.command('issuer').description('issuers whose tokens may start tasks: CI systems, clusters, clouds')
  registerAdd(issuer, context)
  const list = issuer.command('list').description('show the issuers and what their rules grant')
  addList<ShownIssuer>(list, context, { path: '/v1/issuers', limit: 500, text: listing })
  issuer
    .command('remove <id>')
    .description('refuse its tokens from now on; tasks it started go on until they end or are revoked')
    .action(async (id: string) => {
      await context.call('DELETE', `/v1/issuers/${encodeURIComponent(id)}`)
      context.output.print({ removed: id }, () => `Removed issuer ${id}.`)
    })
  issuer
    .command('test')
    .description('read a token from standard input and say whether it would be accepted; uses nothing up')
    .action(() => test(context))
}

function registerAdd(issuer: Command, context: CommandContext): void {
  issuer
    .command('add [id]')
    .description('trust an issuer, for the workloads that its rules name')
    .option('--file <path>', 'read it all from a JSON file; the only way to give several rules')
    .option('--kind <kind>', 'how its tokens are verified', 'oidc')
    .option('--issuer <url>', 'its URL exactly as in `iss`; or github, gitlab, buildkite, terraform, google')
    .option('--audience <text>', 'the `aud` its tokens must have: choose one that names this installation alone')
    .option('--claim <name=value>', 'a claim that must be equal; nested: /kubernetes.io/namespace=ci; repeatable', append, [])
    .option('--workload <id>', 'who the bearer becomes: spiffe://<trust domain>/<path>')
    .option('--owner <person>', 'the human who answers for it')
    .option('--target <id>', 'a target its tasks may name; repeatable', append, [])
    .option('--action <id>', 'an action its tasks may name; * at its end means any that starts so; repeatable', append, [])
    .option('--max-ttl <duration>', 'longest life of its tasks', '15m')
    .option('--max-budget <amounts>', 'most that its tasks may use: requests=100,writes=5')
    .option('--allow-reuse', 'accept a token again until it expires; for tokens that are files, as in Kubernetes')
    .option('--private-network <cidr>', 'a private network it may live in; repeatable', append, [])
    .option('--trusted-ca <path>', 'PEM file of the CA that signed its certificate')
    .action(async (id: string | undefined, options: AddOptions) => {
      const body = options.file === undefined ? await fromOptions(id, options) : await readJson(options.file)
      const added = await context.call<ShownIssuer>('POST', '/v1/issuers', body)
      context.output.print(added, (one) => `Added.\n${describe(one)}`)
    })
}

async function fromOptions(id: string | undefined, options: AddOptions): Promise<unknown> {
  const { kind, issuer, audience, workload, owner, target: targets, action: actions, allowReuse = false } = options
  const missing = Object.entries({
    '<id>': id,
    '--issuer': issuer,
    '--audience': audience,
    '--workload': workload,
    '--owner': owner,
  })
  const [absent] = missing.find(([, value]) => value === undefined) ?? []
  if (absent !== undefined) throw new StintError('invalid_argument', `${absent} is missing`)
  const rule = {
    claims: readClaims(options.claim),
    workload,
    owner,
    targets,
    actions,
    maxTtlSeconds: parseDuration(options.maxTtl, '--max-ttl'),
    ...(options.maxBudget !== undefined && { maxBudget: readBudget(options.maxBudget, '--max-budget') }),
  }
  const trustedCa = options.trustedCa === undefined ? {} : { trustedCa: await readText(options.trustedCa) }
  return { id, kind, issuer, audience, allowReuse, privateNetworks: options.privateNetwork, ...trustedCa, rules: [rule] }
}

function readClaims(given: readonly string[]): Record<string, string> {
  const pairs = given.map((pair): [string, string] => {
    const at = pair.indexOf('=')
    if (at < 1) throw new StintError('invalid_argument', `--claim takes name=value, not ${pair}`)
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  const names = pairs.map(([name]) => name)
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined) throw new StintError('invalid_argument', `--claim names ${repeated} twice`)
  return Object.fromEntries(pairs)
}

async function test({ call, output }: CommandContext): Promise<void> {
  const token = (await text(process.stdin)).trim()
  const examined = await call<Examined>('POST', '/v1/issuers/test', { token })
  if (!examined.accepted) throw new StintError('invalid_token', `it would be refused (${examined.code}): ${examined.detail}`)
  output.print(examined, ({ caller, rule }) => `Accepted as ${caller.id}: ${describeRule(rule)}.`)
}

function listing({ items }: Page<ShownIssuer>): string {
  return items.length === 0 ? 'No issuers. Add one with `stint issuer add`.' : items.map(describe).join('\n')
}

function describe({ id, issuer, audience, rules }: ShownIssuer): string {
  const lines = rules.map((rule) => `  ${rule.workload}: ${describeRule(rule)}`)
  return [`${id}  ${issuer}  audience ${audience}`, ...lines].join('\n')
}

function describeRule({ claims, owner, targets, actions, maxTtlSeconds, maxBudget = {} }: IssuerRule): string {
  const wanted = Object.entries(claims).map(([name, value]) => `${name} = ${value}`)
  return `${wanted.join(', ')}; owner ${owner}; targets ${targets.join(' ')}; actions ${actions.join(' ')}; at most ${[`${maxTtlSeconds} s`, ...Object.entries(maxBudget).map(([unit, amount]) => `${amount} ${unit}`)].join(', ')}`
}

async function readJson(path: string): Promise<unknown> {
  const content = await readText(path)
  try {
    return JSON.parse(content)
  } catch (cause) {
    throw new StintError('invalid_argument', `${path} does not hold JSON`, { cause })
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new StintError('invalid_argument', `${path} cannot be read`, { cause })
  }
}

function append(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}
