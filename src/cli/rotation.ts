import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { RotationListing } from '../api/verbs.ts'
import type { DeclaredRecipe } from '../credentials/rotation/rotation-ledger.ts'
import { StintError } from '../errors.ts'
import { parseDuration } from '../run/duration.ts'
import type { CommandContext } from './command.ts'
import { facts, fromNow } from './table.ts'

const POLL_MS = 250
const WAIT_SECONDS = 120
const OVER = ['dead', 'undone']

/** `stint credential recipe | rotate | rotation`: changing a standing key through Stint alone. `checkName` refuses what may be a value. */
export function addRotation(
  credential: Command,
  context: CommandContext,
  checkName: (name: string, command: Command) => string,
): void {
  const { call, output } = context
  registerRecipe(credential, context)
  credential
    .command('rotate <name>')
    .description('get a new value by the recipe, put it in place of the old one, and end the old one')
    .option('--wait', `until the old value is proved dead, ${WAIT_SECONDS} s at most`)
    .allowExcessArguments(true)
    .action(async (name: string, { wait }: { wait?: true }, command: Command) => {
      const id = checkName(name, command)
      const begun = await call<RotationListing>('POST', `${pathOf(id)}/rotations`)
      output.print(wait === true ? await untilOver(begun, context) : begun, describe)
    })
  credential
    .command('rotation <name>')
    .description('show the last rotation, with the evidence that the old value is dead')
    .action(async (id: string) => {
      const [newest] = await rotationsOf(id, context)
      if (newest === undefined) throw new StintError('not_found', `${id} was never rotated by a recipe`)
      output.print(newest, describe)
    })
}

function registerRecipe(credential: Command, { call, output }: CommandContext): void {
  credential
    .command('recipe <name>')
    .description('show how a credential is rotated, or declare it')
    .option('--file <path>', 'declare it by this file, YAML or JSON (docs/rotation.md); no secret belongs there')
    .option('--every <duration>', 'with --file: rotate it by itself so often, 30d for example')
    .option('--remove', 'forget it')
    .action(async (id: string, { file, every, remove }: { file?: string; every?: string; remove?: true }) => {
      if (file === undefined && every !== undefined) throw new StintError('invalid_argument', '--every is given with --file')
      if (file !== undefined && remove === true) throw new StintError('invalid_argument', 'give --file or --remove, not both')
      if (remove === true) {
        await call('DELETE', `${pathOf(id)}/recipe`)
        return output.print({ removed: id }, () => `${id} is not rotated any more; its value stays.`)
      }
      if (file === undefined) return output.print(await call<DeclaredRecipe>('GET', `${pathOf(id)}/recipe`), describeRecipe)
      const everySeconds = every === undefined ? {} : { everySeconds: parseDuration(every, '--every') }
      const body = { recipe: await readRecipe(file), ...everySeconds }
      output.print(await call<DeclaredRecipe>('PUT', `${pathOf(id)}/recipe`, body), describeRecipe)
    })
}

/** YAML 1.2, of which JSON is a part. What it must hold the server says. */
async function readRecipe(file: string): Promise<unknown> {
  const { parse } = await import('yaml')
  try {
    return parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw new StintError('invalid_argument', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

async function untilOver(begun: RotationListing, context: CommandContext): Promise<RotationListing> {
  let rotation = begun
  for (const until = Date.now() + WAIT_SECONDS * 1000; !OVER.includes(rotation.state); ) {
    if (Date.now() > until)
      throw new StintError(
        'upstream_timeout',
        `${rotation.id} goes on: ${rotation.state}, ${rotation.lastError ?? 'nothing failed'}; see \`stint credential rotation\``,
      )
    await sleep(POLL_MS)
    rotation = (await rotationsOf(begun.credentialId, context)).find(({ id }) => id === begun.id) ?? rotation
  }
  if (rotation.state === 'undone') throw new StintError('upstream_failed', `${rotation.id} is undone: ${whyOf(rotation)}`)
  return rotation
}

function whyOf({ why, unaccounted }: RotationListing): string {
  return unaccounted === undefined ? `${why}` : `${why}; ${unaccounted} may exist: look for it there, and end it`
}

async function rotationsOf(id: string, { call }: CommandContext): Promise<readonly RotationListing[]> {
  const { items } = await call<{ items: readonly RotationListing[] }>('GET', `${pathOf(id)}/rotations`)
  return items
}

function pathOf(id: string): string {
  return `/v1/credentials/${encodeURIComponent(id)}`
}

function describeRecipe({ credentialId, recipe, everySeconds, declaredAt, rotatedAt }: DeclaredRecipe): string {
  const now = Date.now()
  return facts([
    ['credential', credentialId],
    ['target', recipe.target],
    ['declared', fromNow(declaredAt, now)],
    ['rotated', rotatedAt === undefined ? 'never' : fromNow(rotatedAt, now)],
    ['rotates', everySeconds === undefined ? 'when asked' : `every ${everySeconds} s`],
    ['its key there', recipe.currentId],
    ...[recipe.make, recipe.find, recipe.probe, recipe.retire].flatMap((step): [string, string][] =>
      step === undefined ? [] : [['asks', `${step.request.method} ${step.request.url}`]],
    ),
  ])
}

function describe(rotation: RotationListing): string {
  const now = Date.now()
  const { state, newId, oldId, why, unaccounted, attempts, lastError, lateAt, sightings } = rotation
  const when = (at: number | undefined): string | undefined => (at === undefined ? undefined : fromNow(at, now))
  return facts([
    ['rotation', rotation.id],
    ['state', lateAt === undefined ? state : `${state}, LATE`],
    ['of', `${rotation.credentialId} at ${rotation.targetId}, by ${rotation.startedBy}`],
    ['old key', oldId],
    ['new key', newId],
    ['begun', when(rotation.startedAt)],
    ['made', when(rotation.madeAt)],
    ['in use', when(rotation.storedAt)],
    ['ended', when(rotation.retiredAt)],
    ['undone because', why],
    ['LOOK FOR', unaccounted],
    ['last attempt', lastError === undefined ? undefined : `${lastError} (attempt ${attempts})`],
    ...sightings.map(({ at, key, saw }): [string, string] => ['probe', `the ${key} key was ${saw} ${fromNow(at, now)}`]),
  ])
}
