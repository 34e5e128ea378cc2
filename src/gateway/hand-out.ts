import type { Attempt, Served } from '../broker.ts'
import type { Injection } from '../credentials/connector.ts'
import type { PlugPoint } from '../credentials/minting.ts'
import { StintError } from '../errors.ts'
import type { Action, Operation, Target, Task } from '../model.ts'
import type { Secret } from '../secret.ts'
import { outcomeOf, startTally } from './outcome.ts'
import type { OwnRequest } from './own-host.ts'
import type { GatewayProof } from './proof.ts'
import { malformed } from './refusal.ts'

/** A credential that a program asks to hold. Attacker-controlled. */
export interface HandOutAsked {
  readonly plug: PlugPoint
  readonly targetId: string
  readonly path: string
}

/** What handing out needs of the rest of the product. */
export interface HandOutVerbs {
  serve(attempt: Attempt<GatewayProof>): Promise<Served>
  /** credentials/hand-out.ts. Throws `scope_exceeded` for another task's target, `denied`, `unknown_action`. */
  describeHandOut(asked: HandOutAsked, task: Task): { readonly target: Target; readonly action: Action }
}

/**
 * `POST http://stint.invalid/hand-out?as=PLUG&target=ID&path=REPOSITORY`: has the handing out of a minted credential decided and
 * recorded, and answers it as JSON, `{ fields, expiresAt }`. Nothing else leads out of the gateway with a secret in it.
 */
export async function handOut(
  verbs: HandOutVerbs,
  { arrival, operation, proof, correlationId }: OwnRequest & { readonly proof: GatewayProof },
): Promise<Served> {
  let asked: HandOutAsked | undefined
  return verbs.serve({
    correlationId,
    proof,
    describe(task) {
      asked = readAsked(operation)
      return verbs.describeHandOut(asked, task)
    },
    async carryOut(_permit, lease, flow) {
      if (asked === undefined) throw new StintError('internal', 'a credential was made before it was asked for')
      const body = Buffer.from(JSON.stringify({ fields: fieldsOf(asked.plug, lease.injections), expiresAt: lease.expiresAt }))
      const tally = startTally()
      if (flow.isCut || !arrival.reply.open) return outcomeOf(tally, 'cut')
      const headers = ['content-type', 'application/json', 'content-length', String(body.length), 'cache-control', 'no-store']
      arrival.reply.start(200, 'OK', headers)
      arrival.reply.end([], body)
      return outcomeOf({ ...tally, status: 200 }, 'completed')
    },
  })
}

/** A page in a task's browser may send requests, and is not the program. Browsers say so (Fetch Metadata; RFC 6454, section 7). */
function refusePages(headers: Operation['headers']): void {
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined)
    throw new StintError('denied', 'a page in a browser is handed nothing')
}

function readAsked({ method, path, query, headers }: Operation): HandOutAsked {
  refusePages(headers)
  if (method !== 'POST' || path !== '/hand-out')
    throw new StintError('unknown_action', 'the gateway itself answers POST /hand-out only')
  const given = new URLSearchParams(query)
  const plug = PLUG_POINTS.find((one) => one === given.get('as'))
  const [targetId, repository] = [given.get('target') ?? '', given.get('path') ?? '']
  if (plug === undefined) throw malformed(`as takes one of ${PLUG_POINTS.join(', ')}`)
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(targetId)) throw malformed('target takes the name of a target')
  if (repository !== '' && !/^[A-Za-z0-9_][A-Za-z0-9._/-]{0,254}$/.test(repository)) throw malformed('path takes a repository')
  return { plug, targetId, path: repository }
}

const PLUG_POINTS = ['git', 'aws', 'kubectl', 'docker'] as const satisfies readonly PlugPoint[]

/** The credential in the words of who asks. Throws `credential_missing` for a shape that it does not take. */
function fieldsOf(plug: PlugPoint, injections: readonly Injection[]): Readonly<Record<string, string>> {
  const fields = FIELDS[plug](injections)
  if (fields === undefined)
    throw new StintError('credential_missing', `what is made for this target is nothing that ${plug} takes`)
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : value.reveal()]),
  )
}

type Fields = Readonly<Record<string, string | Secret>> | undefined

const FIELDS: Readonly<Record<PlugPoint, (injections: readonly Injection[]) => Fields>> = {
  git: readBasic,
  docker: readBasic,
  kubectl(injections) {
    const bearer = injections.find((one) => one.kind === 'header' && one.name === 'authorization' && one.prefix === 'Bearer ')
    return bearer && { token: bearer.value }
  },
  aws(injections) {
    const session = injections.find((one) => one.kind === 'header' && one.name === 'x-amz-security-token')
    const key = injections.find((one) => one.kind === 'sign')
    return session && key && { id: key.keyId, secret: key.value, token: session.value }
  },
}

function readBasic(injections: readonly Injection[]): Fields {
  const basic = injections.find((one) => one.kind === 'basic')
  return basic && { username: basic.username, password: basic.value }
}
