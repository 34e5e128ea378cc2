import { isMembers, type Members } from '../../members.ts'
import type { Action } from '../../model.ts'
import type { AnswerReader, AnswerStart, Undo } from '../connector.ts'
import { PLAIN } from './kubernetes-path.ts'
import { createTap } from './tap.ts'

/** Types that others put things into: deleting one of them deletes those too. */
const HOLDERS = ['namespaces', 'nodes', 'persistentvolumes', 'persistentvolumeclaims']
/** The groups of whose types that is known; of all others nothing is undone. */
const KNOWN_GROUPS: readonly unknown[] = [
  ...PLAIN,
  ...['networking.k8s.io', 'rbac.authorization.k8s.io', 'coordination.k8s.io', 'discovery.k8s.io', 'scheduling.k8s.io'],
]
/** A name that is one segment of a path (Kubernetes, "Object Names and IDs"), and not of dots alone. */
const NAME = /^(?!\.+$)[A-Za-z0-9.:_-]{1,253}$/
const UID = /^[A-Za-z0-9-]{8,64}$/

/**
 * For an object that the API server says it made (201: by a POST to its collection, or an apply or replacement of what was not there),
 * notes its deletion, which the server refuses where another object has the name by now (`preconditions.uid`, Kubernetes API,
 * DeleteOptions). Nothing is noted of a dry run, whose answer looks the same. Attacker-controlled.
 */
export function undoOfMadeObject(
  { asked, status }: AnswerStart,
  { parameters }: Action,
  note: (undo: Undo) => void,
): AnswerReader | undefined {
  const { group, type, verb, namespace, name: given } = parameters
  if (status !== 201 || typeof type !== 'string' || type.includes('/') || HOLDERS.includes(type)) return undefined
  if (!KNOWN_GROUPS.includes(group)) return undefined
  if (!['create', 'patch', 'update'].includes(String(verb)) || new URLSearchParams(asked.query).has('dryRun')) return undefined
  return createTap((answer) => {
    const { name, uid, namespace: inside } = metadataIn(answer)
    if (typeof name !== 'string' || !NAME.test(name) || typeof uid !== 'string' || !UID.test(uid)) return
    if (inside !== namespace || (given !== undefined && given !== name)) return
    const path = given === undefined ? `${asked.path}/${name}` : asked.path
    note({ is: 'call', method: 'DELETE', path, body: deletionOf(uid) })
  })
}

/** What it owns goes with it: by itself the server would leave the pods of a job. */
function deletionOf(uid: string): string {
  const how = { preconditions: { uid }, propagationPolicy: 'Background' }
  return JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', ...how })
}

function metadataIn(answer: Buffer): Members {
  try {
    const object: unknown = JSON.parse(answer.toString('utf8'))
    return isMembers(object) && isMembers(object.metadata) ? object.metadata : {}
  } catch {
    return {} // no JSON: it says nothing
  }
}
