import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A target of the task, as far as plug points must know it. Public: it is in a file that the command reads. */
export interface PlugTarget {
  readonly id: string
  readonly connector: string
  readonly hosts: readonly { readonly scheme: string; readonly host: string; readonly port: number }[]
  /** The plug points that are handed what is minted; the others get `placeholder`, which the gateway replaces. */
  readonly plugPoints: readonly string[]
  /** Absent where the gateway injects nothing. */
  readonly placeholder?: string
}

/** Names the directory with the plan, which `stint run` made for this command. */
export const PLUG_VARIABLE = 'STINT_PLUG'
export const PLAN_FILE = 'targets.json'

/** A refusal, in one line for people. Nothing secret is in it. */
export class Refused extends Error {}

/** The targets of the task that this process is in. Throws Refused outside of one. */
export function readPlan(env: NodeJS.ProcessEnv): readonly PlugTarget[] {
  const directory = env[PLUG_VARIABLE]
  if (directory === undefined || directory === '')
    throw new Refused('there is no task here: credentials are given to what `stint run` has started, and to nothing else')
  try {
    return JSON.parse(readFileSync(join(directory, PLAN_FILE), 'utf8')) as PlugTarget[] // written by `stint run`
  } catch (cause) {
    throw new Refused('the task’s run is over', { cause })
  }
}

/** The target that declares the place. `port` 0 stands for the scheme's own. Throws Refused for another task's, and for nobody's. */
export function targetAt(
  plan: readonly PlugTarget[],
  place: { schemes: readonly string[]; host: string; port: number },
): PlugTarget {
  const fits = (rule: PlugTarget['hosts'][number]): boolean =>
    place.schemes.includes(rule.scheme) &&
    rule.port === (place.port || (rule.scheme === 'https' ? 443 : 80)) &&
    (rule.host === place.host || (rule.host.startsWith('*.') && place.host.endsWith(rule.host.slice(1))))
  const found = plan.find(({ hosts }) => hosts.some(fits))
  if (found === undefined) throw new Refused(`the task has no target at ${place.host}`)
  return found
}

/** The target of that name, or the only one of its kind. Throws Refused. */
export function targetNamed(plan: readonly PlugTarget[], name: string | undefined, connector: string): PlugTarget {
  const known = plan.filter((one) => one.connector === connector && (name === undefined || one.id === name))
  const [found, ...more] = known
  if (found === undefined) throw new Refused(`the task has no target ${name ?? `of the kind ${connector}`}`)
  if (more.length > 0) throw new Refused(`the task has several: name one of ${known.map(({ id }) => id).join(', ')}`)
  return found
}
