import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { Permit } from '../../src/audit/permit.ts'
import { type Attempt, refuse, type Served } from '../../src/broker.ts'
import type { Connector } from '../../src/credentials/connector.ts'
import type { Lease } from '../../src/credentials/lease.ts'
import type { Issued, MintOrder } from '../../src/credentials/minting.ts'
import { asStintError } from '../../src/errors.ts'
import { createDial, type Dial } from '../../src/gateway/dial.ts'
import type { GatewayProof } from '../../src/gateway/proof.ts'
import { refusalOf } from '../../src/gateway/refusal.ts'
import type { WireSession, WireVerbs } from '../../src/gateway/wire-session.ts'
import type { Action, Flow, Target } from '../../src/model.ts'
import type { Secret } from '../../src/secret.ts'
import { CALLER, decidedOf, TASK } from '../credentials/permit.ts'
import { ioFor } from '../providers/own-io.ts'
import { listening } from './rig.ts'

/** An entrance before a real server: each session is allowed, with a user that the real connector mints for it. */
export interface WireRig {
  readonly port: number
  /** From now on sessions are denied. */
  deny(): void
  /** Cuts what is open. */
  cut(): void
  /** The actions that were asked for. */
  readonly asked: string[]
  /** What the sessions ended as. */
  readonly ended: Served[]
}

type Entrance = (verbs: WireVerbs, dial: Dial) => (wire: WireSession) => Promise<void>
let made = 0

export async function startEntrance(
  t: TestContext,
  entrance: Entrance,
  { connector, target, standing }: { connector: Connector; target: Target; standing: Secret },
): Promise<WireRig> {
  const cuts: (() => void)[] = []
  const [asked, ended]: [string[], Served[]] = [[], []]
  let isDenied = false
  const serve = async (attempt: Attempt<GatewayProof>): Promise<Served> => {
    const flow = openFlow(cuts)
    try {
      const described = attempt.describe(TASK)
      asked.push(described.action.id)
      const decided = decidedOf({ target, action: described.action.id })
      if (isDenied) return { refusal: refuse('c', { ...decided.decision, effect: 'deny', reasons: ['not today'] }) }
      const lease = await mintLease(connector, target, standing, described.action)
      return { outcome: await attempt.carryOut(Permit.grant(0, decided), lease, flow) }
    } catch (thrown) {
      return { refusal: refusalOf(asStintError(thrown), 'c') }
    }
  }
  const [rule] = target.hosts
  const verbs: WireVerbs = {
    async serve(attempt) {
      const served = await serve(attempt)
      ended.push(served)
      return served
    },
    match: (scheme, host, port) => (scheme === rule?.scheme && host === rule.host && port === rule.port ? target : undefined),
    connectorOf: () => connector,
  }
  const enter = entrance(verbs, createDial({ connectTimeoutMs: 5000 }))
  const place = { host: rule?.host ?? '', port: rule?.port ?? 0 }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    void enter({ socket, place, caller: CALLER })
  })
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: await listening(server),
    deny: () => (isDenied = true),
    cut: () => cuts.forEach((cut) => void cut()),
    asked,
    ended,
  }
}

async function mintLease(connector: Connector, target: Target, standing: Secret, action: Action): Promise<Lease> {
  const { minting } = connector
  if (minting === undefined) throw new Error('it mints nothing')
  made += 1
  const order: MintOrder = {
    leaseId: `lease_abcdef${String.fromCharCode(97 + made).repeat(12)}`,
    ...{ target, taskId: TASK.id, owner: TASK.owner, standing, expiresAt: Date.now() + 60_000 },
    grant: minting.grant({ task: TASK, target, action }) ?? assert.fail(),
  }
  const issued: Issued & { material: Secret } = {
    ...order,
    ...(await minting.mint(order, await minting.prepare?.(order), ioFor(target))),
  }
  const { hosts, privateNetworks, trustedCa, credentialId, id: targetId } = target
  return {
    ...{ id: order.leaseId, taskId: TASK.id, targetId, credentialId, hosts, privateNetworks, trustedCa },
    ...{ injections: minting.place(issued), expiresAt: order.expiresAt, state: 'active' },
  }
}

function openFlow(cuts: (() => void)[]): Flow {
  let isCut = false
  return {
    get isCut() {
      return isCut
    },
    onCut(cut) {
      cuts.push(() => {
        isCut = true
        cut()
      })
    },
    close() {},
  }
}
