import type { ApiVerbs, Asked, LeaseListing, PinnedTool, RotationListing, ShownTask, StartedTask } from './api/verbs.ts'
import type { ApprovalWebhooks } from './approval-webhooks.ts'
import type { Refusal } from './broker.ts'
import { catalogued } from './catalogued.ts'
import { CONNECTORS } from './credentials/connectors/index.ts'
import type { LeaseRecord } from './credentials/lease-record.ts'
import type { Io, PlugPoint } from './credentials/minting.ts'
import { injectionsOf } from './credentials/protocols/placement.ts'
import type { RotationRecord } from './credentials/rotation/rotation-record.ts'
import { asStintError, StintError } from './errors.ts'
import { createIo } from './gateway/io.ts'
import { createProgramIo } from './gateway/program-io.ts'
import { isWorkloadProof } from './identity/tokens.ts'
import type { Killswitch } from './killswitch.ts'
import type { Caller, Target, Task } from './model.ts'
import { probeTarget } from './probe-target.ts'
import { readBefore } from './read-before.ts'
import type { Rooms } from './rooms.ts'
import { sealCredential } from './seal-credential.ts'
import type { Secret } from './secret.ts'
import { admit, type BudgetBounds, delegate, type LocalUser, type TaskDraft } from './start-task.ts'
import { PRESETS, presetVariables } from './targets/presets.ts'
import type { Tasks } from './tasks/tasks.ts'
import { createUndoTask, type UndoVerbs } from './undo-task.ts'

/** Everything the API's handlers reach: the rooms, and what main.ts joined from them. */
export interface Parts extends Rooms {
  readonly authorize: (asked: Asked) => Promise<Refusal | undefined>
  readonly killswitch: Killswitch
  readonly webhooks: ApprovalWebhooks
  /** gateway/: a request as if it had arrived from its caller. */
  readonly askGateway: UndoVerbs['ask']
  readonly connectorOf: UndoVerbs['connectorOf']
  readonly user: LocalUser
  readonly budgetBounds: BudgetBounds
  /** Filled in when the listeners have their ports. */
  readonly addresses: { readonly api: string; readonly gateway: string }
  readonly startedAt: number
  readonly version: string
}

/** The API's verbs over the rooms. No knowledge of its own: each line hands a request to the room that owns it. */
export function apiVerbs(parts: Parts): ApiVerbs {
  const { audit, findings, identity, labels, policy, search, targets, tasks, vault } = parts
  return {
    authenticate: (proof) => (proof.kind === 'webhook' ? parts.webhooks.verify(proof) : identity.verify(proof)),
    authorize: parts.authorize,
    recordAttempt: parts.recorder.recordAttempt,
    idempotency: parts.idempotency,
    tasks: { ...taskVerbs(parts), undo: joinUndo() },
    targets: {
      add: targets.add,
      list: targets.list,
      get: targets.get,
      remove: targets.remove,
      tools: toolsOf,
      presets: () => PRESETS,
      probe: (id) => probeTarget(targets.get(id), parts.dial),
      pin,
      async discover(id) {
        const target = targets.get(id)
        parts.glass.refuseSealed(target.credentialId)
        return parts.leases.discover(target)
      },
    },
    tunnels: { add: targets.addTunnel, list: targets.tunnels, remove: targets.removeTunnel },
    credentials: {
      add: vault.add,
      async replace(id, value) {
        if (parts.glass.isSealed(id) && vault.holds(id, value))
          throw new StintError('invalid_argument', `that is the value that ${id} has; after an opening it takes another`)
        await vault.replace(id, value)
      },
      list: vault.list,
      remove: removeCredential,
      rotateKey: () => rotateKey(parts),
    },
    leases: {
      async list(filter) {
        const { items, ...more } = await parts.leases.list(filter)
        return { items: items.map(listed), ...more }
      },
      get: async (id) => listed(await parts.leases.get(id)),
      end: async (id, why) => listed(await parts.leases.endOne(id, { why })),
    },
    approvals: {
      list: parts.approvals.list,
      ofTask: parts.approvals.ofTask,
      async get(id, caller) {
        const asked = await parts.approvals.get(id, caller.proof === 'operator-socket' ? undefined : caller.id)
        return { ...asked, ...(await readBefore(parts, asked)) }
      },
      grant: (id, caller, said) => parts.approvals.grant(id, { ...said, ...answererOf(caller, parts.user) }),
      deny: (id, caller, said) => parts.approvals.deny(id, { ...said, ...answererOf(caller, parts.user) }),
      answer: parts.webhooks.answer,
    },
    glass: {
      ...parts.glass,
      seal: (order, caller) => sealCredential(parts, order, answererOf(caller, parts.user).person),
      drill: (id, rotates, caller) => parts.glass.drill(id, rotates, answererOf(caller, parts.user)),
      ask: (id, wish, caller) => parts.glass.ask(id, wish, answererOf(caller, parts.user)),
      review: (id, caller, note) => parts.glass.review(id, answererOf(caller, parts.user), note),
    },
    rotations: {
      ...parts.rotations,
      async declare(id, ...declared) {
        parts.glass.refuseSealed(id) // a recipe says where the value is sent
        return parts.rotations.declare(id, ...declared)
      },
      async forget(id) {
        parts.glass.refuseSealed(id)
        return parts.rotations.forget(id)
      },
      begin: async (id, by) => shown(await parts.rotations.begin(id, by)),
      list: async (id, limit) => (await parts.rotations.list(id, limit)).map(shown),
    },
    backups: { allow: () => (parts.gateways.isShared ? { sharedAs: parts.gateways.self } : {}) },
    issuers: { ...parts.issuers, examine: identity.examine },
    findings: { list: findings.list },
    revocations: { ...parts.killswitch, list: parts.revocations.list },
    policy: {
      status: policy.status,
      reload: policy.reload,
      explain,
    },
    audit: {
      search: (filter) => understood(search.search(filter)),
      entry: (index) => understood(search.entry(index)),
      tail: (filter, signal) => understoodItems(search.tail(filter, signal)),
      checkpoint: () => understood(audit.checkpoint()),
      publicKey: () => audit.publicKey,
    },
    status: async () => ({
      version: parts.version,
      startedAt: parts.startedAt,
      ...parts.addresses,
      liveTasks: tasks.under({ kind: 'all' }).length,
      openFlows: parts.flows.size,
      leases: parts.credentials.leases().length,
      revocationsInForce: parts.revocations.size,
      audit: { entries: audit.size(), writable: audit.status() === 'ok' },
      store: await storeState(parts),
      policy: policy.status(),
    }),
    ready: async () => ({
      audit: audit.status() === 'ok',
      policy: policy.status().refused === undefined,
      store: (await storeState(parts)) === 'ok',
    }),
    caCertificate: () => parts.ca.certificatePem,
    jwks: () => ({ keys: parts.tokens.jwks().keys.map((key) => ({ ...key })) }),
    metrics: parts.metrics.text,
  }

  function joinUndo(): ApiVerbs['tasks']['undo'] {
    return createUndoTask({
      search: (filter) => understood(search.search(filter)),
      match: targets.match,
      connectorOf: parts.connectorOf,
      recordAct: (act) => understood(parts.recorder.recordAct(act)),
      task: tasks.get,
      start: async (wish, caller) => (await taskVerbs(parts).start(wish, caller)).task,
      end: (id, reason) => tasks.end(id, 'ended', reason),
      ask: parts.askGateway,
      now: Date.now,
    })
  }

  /** The target is another from then on, so that what is open to it is cut. */
  async function pin(id: string): Promise<readonly PinnedTool[]> {
    const target = targets.get(id)
    parts.glass.refuseSealed(target.credentialId)
    const connector = CONNECTORS[target.connector]
    if (connector?.readPins === undefined)
      throw new StintError('invalid_argument', `a target of ${target.connector} has no tools to pin`)
    const standing = target.credentialId === undefined ? undefined : vault.open(target.credentialId)
    const pins = await connector.readPins({ target, standing }, ioFor(target, standing))
    const integers = pins.flatMap((pin) => pin.integers)
    const { integer_arguments: _, ...settings } = target.settings ?? {}
    await targets.replace(target, {
      ...target,
      settings: {
        ...settings,
        pinned_tools: pins.map(({ setting }) => setting),
        ...(integers.length > 0 && { integer_arguments: integers }),
      },
    })
    return pins.map(({ name, digest, change }) => ({ name, digest, change }))
  }

  /** The way of Stint itself to a target. */
  function ioFor(target: Target, standing: Secret | undefined): Io {
    const program = CONNECTORS[target.connector]?.programOf?.(target)
    if (program === undefined) return createIo(parts.dial, target.hosts, target, Date.now)
    const injections = injectionsOf(target.placement, standing)
    return createProgramIo(parts.programs, { targetId: target.id, program, injections }, Date.now)
  }

  /** Without it nothing that it minted could be revoked. */
  async function removeCredential(id: string): Promise<void> {
    const count = await parts.leases.dependingOn(id)
    if (count > 0)
      throw new StintError('conflict', `${count} leases are revoked with it; end their tasks first, and see \`stint lease list\``)
    parts.glass.refuseRemoval(id)
    await parts.rotations.forget(id)
    await vault.remove(id)
    await parts.glass.forget(id)
  }

  function toolsOf(target: Target): ReturnType<ApiVerbs['targets']['tools']> {
    const { placeholderVariables = [], minting } = CONNECTORS[target.connector] ?? {}
    const plugPoints = target.handsOut ? (Object.keys(minting?.handOut ?? {}) as PlugPoint[]) : []
    return { placeholderVariables: [...new Set([...placeholderVariables, ...presetVariables(target)])], plugPoints }
  }

  function taskVerbs({
    afford,
    inside,
    revocations,
    tokens,
    user,
    addresses,
    budgetBounds,
  }: Parts): Omit<ApiVerbs['tasks'], 'undo'> {
    const hearEnd = createEndListeners(tasks)
    return {
      async start(wish, caller) {
        return startDraft(admit(wish, caller, identity.ruleOf(caller), user, budgetBounds), caller)
      },
      async startChild(parentId, wish, caller) {
        return startDraft(delegate(wish, liveOf(parentId)), caller)
      },
      list: tasks.list,
      get: tasks.get,
      show: async (id) => showTask(tasks, await tasks.get(id)),
      end: (id, reason) => tasks.end(id, 'ended', reason),
      async raise(id, by) {
        liveOf(id)
        await afford.raise(id, by)
        return showTask(tasks, await tasks.get(id))
      },
      async renew(id) {
        return token(liveOf(id))
      },
      attend(id, onEnd) {
        const leave = tasks.attend(id)
        const unhear = hearEnd(id, onEnd)
        return () => {
          unhear()
          leave()
        }
      },
      registerRoot: async (id, { pid, startTime }) => inside.register(id, { pid, startTime: Number(startTime) }),
    }

    async function startDraft(draft: TaskDraft, caller: Caller): Promise<StartedTask> {
      for (const id of draft.scope.targets) targets.get(id)
      const task = await tasks.start(draft)
      await refuseRevoked(caller, task)
      return { task, ...(await token(task)), gateway: new URL(addresses.gateway).host }
    }

    function liveOf(id: string): Task {
      const task = tasks.live(id)
      if (task === undefined) throw new StintError('task_not_live', 'the task ended, expired or was revoked')
      return task
    }

    async function token(task: Task): Promise<{ token: string; tokenExpiresAt: number }> {
      const { token, expiresAt } = await tokens.issue(task, tasks.ancestors(task))
      return { token, tokenExpiresAt: expiresAt }
    }

    /** A task that a revocation covers from its first moment is ended before anyone holds a token for it. */
    async function refuseRevoked(caller: Caller, task: Task): Promise<void> {
      const revocation = revocations.covering({ caller, task })
      if (revocation === undefined) return
      await tasks.end(task.id, 'revoked', `revocation ${revocation.number}`)
      throw new StintError('revoked', `revocation ${revocation.number} is in force: ${revocation.reason}`)
    }
  }

  /** Rebuilt from the entry and from what is known now of its task and target. */
  async function explain(index: number): Promise<Readonly<Record<string, unknown>>> {
    const entry = await understood(search.entry(index))
    if (entry.kind !== 'decision') throw new StintError('invalid_argument', `entry ${index} is no decision but ${entry.kind}`)
    const { caller: id, issuer, actors, action, access, resource } = entry
    const { proof } = entry
    if (!isWorkloadProof(proof))
      throw new StintError('invalid_argument', `entry ${index} names a proof that is not known: ${proof}`)
    const caller = { id, proof, issuer, actors, claims: {} }
    const task = await tasks.get(entry.task ?? '')
    const [above, at] = [await tasksAbove(tasks, task), Date.parse(entry.at)]
    const root = above.at(-1)?.id ?? task.id
    const touched = await labels.touchedThen(root, { correlationId: entry.correlationId, at })
    const history = { touched, raised: await findings.raisingThen(root, at), above }
    const on = { task, target: targets.get(entry.target ?? ''), history }
    return {
      entry,
      ...policy.replay({
        ...{ caller, on, action: { id: action, access, resource, parameters: {} } },
        ...{ at: Date.parse(entry.at), digest: entry.requestDigest, policySetHash: entry.policySetHash },
      }),
    }
  }
}

/** Which person answers: the user whose socket it is. Everyone else is known by the whole id of their identity. */
function answererOf({ id: callerId, proof }: Caller, user: LocalUser): { callerId: string; person: string } {
  return { callerId, person: proof === 'operator-socket' ? user.name : callerId }
}

/** The tasks above it, live or not, nearest first. */
async function tasksAbove(tasks: Tasks, { parentId }: Task): Promise<readonly Task[]> {
  if (parentId === undefined) return []
  const parent = await tasks.get(parentId)
  return [parent, ...(await tasksAbove(tasks, parent))]
}

async function showTask(tasks: Tasks, task: Task): Promise<ShownTask> {
  const ancestors = (await tasksAbove(tasks, task)).map(({ id }) => id)
  const { items } = await tasks.list({ parentId: task.id, limit: 500 })
  return { ...task, ancestors, children: items.map(({ id }) => id), budgets: await tasks.budgets.show(task.id) }
}

/** Lets one listener hear of the end of one task; the answer stops listening. */
function createEndListeners(tasks: Tasks): (id: string, onEnd: (task: Task) => void) => () => void {
  const listening = new Map<string, Set<(task: Task) => void>>()
  tasks.onEnd((task) => {
    for (const hear of listening.get(task.id) ?? []) hear(task)
    listening.delete(task.id)
  })
  return (id, onEnd) => {
    const hearing = listening.get(id) ?? new Set()
    listening.set(id, hearing.add(onEnd))
    return () => {
      hearing.delete(onEnd)
      if (hearing.size === 0) listening.delete(id)
    }
  }
}

/** An answer of the log, its failures by the catalogue. */
async function understood<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (thrown) {
    throw catalogued(thrown)
  }
}

async function* understoodItems<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* items
  } catch (thrown) {
    throw catalogued(thrown)
  }
}

/** Every process has its own copy of the key: the others could not open what is sealed under a new one. */
async function rotateKey({ gateways, vault }: Parts): Promise<number> {
  const others = await gateways.others()
  if (others.length === 0) return vault.rotateKey()
  const who = `${others.join(', ')} ${others.length === 1 ? 'uses' : 'use'} the same key`
  throw new StintError('conflict', `${who}; stop all but this Stint, rotate, and copy the new key to them`)
}

async function storeState({ tasks, gateways }: Parts): Promise<string> {
  if (!gateways.isCurrent()) return 'the database is not heard from; everything is refused'
  try {
    await tasks.list({ limit: 1 })
    return 'ok'
  } catch (thrown) {
    return asStintError(thrown).detail
  }
}

function listed({ target, grant, coveredBy: _, ...record }: LeaseRecord): LeaseListing {
  return { ...record, targetId: target.id, connector: target.connector, reach: grant.reach }
}

function shown({ target, recipe: _, version: __, ...record }: RotationRecord): RotationListing {
  return { ...record, targetId: target.id }
}
