import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { asStintError, StintError } from '../errors.ts'
import { becomeSubreaper, becomeUndumpable } from '../host/native.ts'
import { killTree, statOf } from '../host/process-tree.ts'
import type { Task } from '../model.ts'
import { attach, connectThrough, reachSshAgent } from './attach.ts'
import { serveAwsCredentials } from './aws-endpoint.ts'
import { openBareCell } from './bare-cell.ts'
import { findBubblewrap } from './bubblewrap.ts'
import type { Cell, CellWays } from './cell.ts'
import { buildEnvironment, type ShownTarget } from './environment.ts'
import { checkAllowed, checkShown, findHidden } from './hidden-paths.ts'
import { hideVariables } from './hide-variables.ts'
import { serversVariable } from './mcp/servers.ts'
import { mysqlVariables, optionFile, refuseInMysql } from './mysql.ts'
import { isWithin, realPath } from './paths.ts'
import { askOn } from './plug/ask.ts'
import { awsTargetToServe, gitHelper, PLUG_FILES, plugVariables, writePlugs } from './plugs.ts'
import { postgresVariables, refuseInPostgres, serviceFile } from './postgres.ts'
import { holdPresence } from './presence.ts'
import { programFiles } from './program.ts'
import { redisVariables, refuseInRedis } from './redis.ts'
import { refusalsOf } from './refusals.ts'
import { relay } from './relay.ts'
import { fillRunDirectory, openRunDirectory, RUN_FILES } from './run-directory.ts'
import { openSandboxedCell } from './sandboxed-cell.ts'
import { type CaughtSignals, catchSignals, exitCodeOf } from './signals.ts'
import { refuseInAgent, setUpSsh, sshDirectoryFor } from './ssh.ts'
import { type Call, type ProofKey, type SessionWish, startSession, type TaskSession } from './task-session.ts'
import { type WirePlace, wirePlaces, wiresOf } from './wires.ts'

/** What `stint run` is asked to do. */
export interface RunWish {
  readonly task: SessionWish
  readonly command: readonly string[]
  readonly sandbox: 'auto' | 'require' | 'off'
  /** Names of hidden things to show. */
  readonly allowed: readonly string[]
  /** Paths to show that would not be there. */
  readonly shown: readonly string[]
  /** Names of variables to pass on whatever they look like. */
  readonly passed: readonly string[]
}

/** What it does it with. */
export interface RunWorld {
  readonly environment: NodeJS.ProcessEnv
  /** The data directory. */
  readonly home: string
  /** Other places where an installation's data directory may be; hidden too. */
  readonly otherHomes: readonly string[]
  readonly call: Call
  generateKey(): Promise<ProofKey>
  /** A line for people, on stderr. */
  say(line: string): void
}

/**
 * Runs the command under one task and answers its exit code. The task is over, and nothing the command started is left, when it
 * answers. A signal that comes before the command has started ends the run as it would have ended the command. Changes this process:
 * it can no longer be traced, and orphans below it become its children, so call it once, in a process of its own. Throws StintError
 * before the command has started.
 */
export async function runTask(wish: RunWish, world: RunWorld): Promise<number> {
  checkAllowed(wish.allowed)
  workingDirectory()
  checkShown(wish.shown)
  const signals = catchSignals()
  try {
    becomeUndumpable()
    becomeSubreaper()
    return await runWithFiles(wish, world, signals)
  } catch (thrown) {
    if (signals.interrupted.aborted) return exitCodeOf(null, signals.interrupted.reason)
    throw thrown
  } finally {
    signals.release()
  }
}

async function runWithFiles(wish: RunWish, world: RunWorld, signals: CaughtSignals): Promise<number> {
  const files = openRunDirectory()
  try {
    const targets = await shownTargets(world.call, wish.task.targets)
    const places = wirePlaces(targets)
    const aws = awsTargetToServe(targets)
    const ways = { wireCount: places.length + (aws === undefined ? 0 : 1), sshDirectory: sshDirectoryFor(targets, files.path) }
    const cell = await prepare(wish, world, { runDirectory: files.path, ...ways })
    try {
      signals.interrupted.throwIfAborted()
      return await runIn({ cell, places, targets, aws, files: files.path }, wish, world, signals)
    } finally {
      closeCell(cell)
    }
  } finally {
    await endTree()
    files.remove()
  }
}

/** Opens the cell while the run's files are written. Waits for both, so that nothing is left half open. */
async function prepare(wish: RunWish, world: RunWorld, ways: CellWays): Promise<Cell> {
  const opening = openCell(wish, world, ways)
  const filling = fillRunDirectory(ways.runDirectory, join(world.home, 'ca.pem'), world.environment)
  const [cell, filled] = await Promise.allSettled([opening, filling])
  if (cell.status === 'rejected') throw cell.reason
  if (filled.status === 'fulfilled') return cell.value
  closeCell(cell.value)
  throw filled.reason
}

function closeCell({ server, wires, agent }: Cell): void {
  for (const one of [server, ...wires.map((wire) => wire.server), ...(agent === undefined ? [] : [agent.server])]) one.close()
}

async function openCell(wish: RunWish, world: RunWorld, ways: CellWays): Promise<Cell> {
  if (wish.sandbox === 'off') return openBareCell('--sandbox off', ways)
  const bubblewrap = await findBubblewrap(world.environment.PATH ?? '', ways.runDirectory)
  if (typeof bubblewrap !== 'string') {
    const homes = homesOf(world.environment)
    const directory = workingDirectory()
    return openSandboxedCell({
      bubblewrap,
      ...ways,
      homes,
      directory,
      shown: checkShown(wish.shown),
      program: programFiles(wish.command[0] ?? '', directory, world.environment.PATH ?? ''),
      hidden: findHidden(homes, world.environment),
      allowed: wish.allowed,
      forbidden: [world.home, ...world.otherHomes].flatMap((path) => realPath(path) ?? []),
      runtimeDirectory: world.environment.XDG_RUNTIME_DIR,
    })
  }
  if (wish.sandbox === 'require') throw new StintError('sandbox_unavailable', bubblewrap)
  return openBareCell(bubblewrap, ways)
}

/** Free of symlinks. */
function workingDirectory(): string {
  try {
    return process.cwd()
  } catch (cause) {
    throw new StintError('invalid_argument', 'the working directory has been removed; change to one that is there', { cause })
  }
}

/** The home the environment names and the one the machine has on record, without those inside another. */
function homesOf(environment: NodeJS.ProcessEnv): string[] {
  const found = [environment.HOME, userInfo().homedir].flatMap((home) => (home && realPath(home)) || [])
  const homes = [...new Set(found)].filter((home) => home !== '/')
  return homes.filter((home) => !homes.some((other) => other !== home && isWithin(home, other)))
}

/** A cell, what it leads to, and where on the host its files are. */
interface Prepared {
  readonly cell: Cell
  readonly places: readonly WirePlace[]
  readonly targets: readonly ShownTarget[]
  /** Whose sessions the listener after those of `places` hands out. */
  readonly aws: ShownTarget | undefined
  readonly files: string
}

async function runIn(prepared: Prepared, wish: RunWish, world: RunWorld, signals: CaughtSignals): Promise<number> {
  const { cell } = prepared
  const session = await startSession(world.call, wish.task, cell.proof, await world.generateKey())
  const leave = holdPresence(join(world.home, 'operator.sock'), session.task.id, (why) =>
    world.say(`the task is over (${why}); nothing is let through any more`),
  )
  const closeRelays = [
    relay(cell.server, cell.admission, () => attach(session)),
    ...relayWires(prepared, session),
    ...serveAws(prepared, session),
    ...relayAgent(cell, session),
  ]
  try {
    await registerTree(world.call, session.task)
    const environment = await describe(prepared, wish, world, session)
    return await supervise(cell, wish.command, environment, signals)
  } finally {
    for (const close of closeRelays) close()
    await endTree()
    leave()
    await endSession(session, world)
  }
}

const REFUSE = { postgres: refuseInPostgres, mysql: refuseInMysql, redis: refuseInRedis }

/** Each on a connection of its own, in the words of its protocol from the first byte on. */
function relayWires({ cell, places }: Prepared, session: TaskSession): readonly (() => void)[] {
  return places.flatMap((place, at) => {
    const wire = cell.wires[at]
    const open = async () => connectThrough(await attach(session), place)
    return wire === undefined ? [] : [relay(wire.server, cell.admission, open, REFUSE[place.scheme])]
  })
}

/** AWS's own way to be given keys, where a target hands them out and the command can reach a listener of its own. */
function serveAws({ cell, places, aws, files }: Prepared, session: TaskSession): readonly (() => void)[] {
  const wire = cell.wires[places.length]
  if (aws === undefined || wire === undefined) return []
  const token = randomBytes(24).toString('base64url')
  writeFileSync(join(files, PLUG_FILES.awsToken), token, { mode: 0o600 })
  const ask = async () => askOn(await attach(session), { as: 'aws', target: aws.id })
  return [serveAwsCredentials(wire.server, cell.admission, { token, ask })]
}

function relayAgent({ agent }: Cell, session: TaskSession): readonly (() => void)[] {
  const open = async () => reachSshAgent(await attach(session), session)
  return agent === undefined ? [] : [relay(agent.server, agent.admission, open, refuseInAgent)]
}

/** Ends the task and tells what it was refused, since many programs do not show what a proxy answers. */
async function endSession({ task, end }: TaskSession, { call, say }: RunWorld): Promise<void> {
  try {
    await end('the command ended')
  } catch (thrown) {
    say(`the task could not be ended now (${asStintError(thrown).detail}); it ends by itself`)
    return
  }
  try {
    for (const line of await refusalsOf(call, task)) say(line)
  } catch (thrown) {
    say(`what was refused cannot be shown now (${asStintError(thrown).detail}); see: stint audit search --task ${task.id}`)
  }
}

/** Operator acts from below this process are refused from now on. */
async function registerTree(call: Call, task: Task): Promise<void> {
  const own = statOf(process.pid)
  if (own !== undefined)
    await call('POST', `/v1/tasks/${encodeURIComponent(task.id)}/root`, { pid: own.pid, startTime: String(own.startTime) })
}

/** Tells the user what the command will be, and answers its environment. */
async function describe(
  prepared: Prepared,
  wish: RunWish,
  world: RunWorld,
  session: TaskSession,
): Promise<Record<string, string>> {
  const { cell, places, targets, files } = prepared
  const ssh = setUpSsh(targets, cell, files, wish.allowed.includes('ssh'))
  const { kept, removed } = hideVariables(world.environment, wish.allowed, wish.passed)
  const { id, scope, owner, expiresAt } = session.task
  const file = (name: keyof typeof RUN_FILES) => join(cell.filesAt, RUN_FILES[name])
  const wires = places.flatMap((place, at) => ({ ...place, localPort: cell.wires[at]?.port ?? 0 })).slice(0, cell.wires.length)
  const [postgres, mysql, redis] = [wiresOf('postgres', wires), wiresOf('mysql', wires), wiresOf('redis', wires)]
  writeFileSync(join(files, RUN_FILES.pgService), serviceFile(postgres, scope.actions), { mode: 0o644 })
  writeFileSync(join(files, RUN_FILES.mysqlOptions), optionFile(mysql, scope.actions), { mode: 0o644 })
  writePlugs(files, targets, readFileSync(join(world.home, 'ca.pem'), 'utf8'), cell)
  const environment = buildEnvironment(kept, {
    taskId: id,
    proof: cell.proof,
    proxy: cell.proxy,
    caBundle: file('caBundle'),
    trustStore: file('trustStore'),
    gitConfig: wish.allowed.includes('git') ? undefined : file('gitConfig'),
    targets,
    gitHelper: gitHelper(cell.filesAt),
    wired: {
      ...plugVariables({
        ...{ targets, allowed: wish.allowed, filesAt: cell.filesAt, searchPath: kept.PATH ?? '' },
        awsPort: prepared.aws && cell.wires[places.length]?.port,
      }),
      ...postgresVariables(postgres, scope.actions, file('pgService')),
      ...mysqlVariables(mysql, cell.filesAt),
      ...redisVariables(redis),
      ...ssh.variables,
      ...serversVariable(targets),
    },
  })
  world.say(`${id} for ${owner}: ${scope.targets.join(', ')}, until ${untilWords(expiresAt)}`)
  for (const line of cell.says) world.say(line)
  for (const { target } of postgres) world.say(`${target.id}: PostgreSQL, without a password (service ${target.id})`)
  for (const { target } of mysql) world.say(`${target.id}: MySQL, without a password (--defaults-group-suffix=_${target.id})`)
  for (const { target, localPort } of redis)
    world.say(`${target.id}: Redis, without a password, at redis://127.0.0.1:${localPort}`)
  for (const line of ssh.says) world.say(line)
  for (const { id: name, plugPoints } of targets.filter((one) => one.plugPoints.length > 0))
    world.say(`${name}: what is minted for the task is handed to ${plugPoints.join(', ')}; its use is not recorded`)
  for (const { target } of places.slice(wires.length)) world.say(`${target.id}: not reached without a sandbox on this machine`)
  if (removed.length > 0) world.say(`hidden variables: ${removed.join(' ')}`)
  return environment
}

/** The local time, with the day where it is another. */
function untilWords(epochMs: number): string {
  const at = new Date(epochMs)
  const time = at.toTimeString().slice(0, 8)
  return at.toDateString() === new Date().toDateString() ? time : `${at.toDateString()} ${time}`
}

/** Starts the command and waits for it. At no moment is a signal for it lost: in the turn that starts it, they are handed on. */
async function supervise(
  cell: Cell,
  command: readonly string[],
  environment: Record<string, string>,
  { interrupted, forward }: CaughtSignals,
): Promise<number> {
  interrupted.throwIfAborted()
  const starting = cell.start(command, environment)
  const failed = () => {} // thrown below
  forward((signal) => void starting.then((running) => running.signal(signal), failed))
  try {
    return await (await starting).exited
  } finally {
    forward(undefined)
  }
}

/** Placeholders for the targets that can be looked up; a name that matches none has no tools to start. */
async function shownTargets(call: Call, names: readonly string[]): Promise<ShownTarget[]> {
  const found = await Promise.all(
    names.map((name) => call<ShownTarget>('GET', `/v1/targets/${encodeURIComponent(name)}`).catch(() => undefined)),
  )
  return found.filter((target) => target !== undefined)
}

/** What is left after a failure; a command that ended has left nothing. */
async function endTree(): Promise<void> {
  const own = statOf(process.pid)
  if (own !== undefined) await killTree(own, { graceMs: 0 })
}
