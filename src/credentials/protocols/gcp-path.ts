import { StintError } from '../../errors.ts'
import type { Access, Action, Operation } from '../../model.ts'
import { createSlashFinder } from './slash.ts'

/** Services whose objects decide what others may do. */
const GOVERNING = ['accesscontextmanager', 'cloudresourcemanager', 'iam', 'iamcredentials', 'orgpolicy', 'sts']
/** Regional and zonal names, as in `us-central1-aiplatform.googleapis.com`. */
const LOCATION = /^[a-z]+-[a-z]+\d(?:-[a-z])?-/
/** `/v1/…`, `/storage/v1/…`, `/upload/storage/v1/…`. */
const PATH = /^\/(?:(?<part>upload|download)\/)?(?:[a-z]+\/)?v\d[a-z0-9]*\/(?<rest>.+)$/
/** Places that stand in a path like a collection and have no name after them. */
const SINGULAR = ['global', 'aggregated']
const VERB = /:([A-Za-z]+)$/
const TYPE = /^[A-Za-z][A-Za-z0-9]*$/
const ITEM: Readonly<Record<string, string>> = { GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' }
const COLLECTION: Readonly<Record<string, string>> = { GET: 'list', HEAD: 'list', POST: 'create' }
/** Questions that are asked by POST. */
const QUESTIONS = ['getIamPolicy', 'testIamPermissions']

/** Cloud Storage names an object by all of its name, slashes included (JSON API, "Encoding URI path parts"). */
export const findObject = createSlashFinder(['/storage/v1/b/*/o/{object}/**', '/download/storage/v1/b/*/o/{object}/**'])

/**
 * Names a request of a Google API by service, collection and verb (AIP-122, AIP-130 to AIP-136): `gcp:storage:o::get`,
 * `gcp:secretmanager:versions::access`. Where a verb stands like a collection, as in older APIs, it is named like one. Throws
 * `unknown_action` for what has no version in its path, such as batches and gRPC.
 */
export function describeGcp(operation: Operation): Action {
  const { host, method, path } = operation
  const { part, rest = '' } = PATH.exec(path)?.groups ?? {}
  const service = host.endsWith('.googleapis.com') ? (host.split('.').at(-3) ?? '').replace(LOCATION, '') : ''
  const custom = VERB.exec(rest)?.[1]
  const parts = rest
    .replace(VERB, '')
    .split('/')
    .filter((one) => !SINGULAR.includes(one))
  const isItem = parts.length % 2 === 0
  const type = (isItem ? parts.at(-2) : parts.at(-1)) ?? ''
  const verb = custom ?? standardVerb(method, isItem, part)
  const isKnownMethod = custom === undefined || method === 'GET' || method === 'POST'
  if (!/^[a-z][a-z0-9-]*$/.test(service) || parts.includes('') || !TYPE.test(type) || verb === undefined || !isKnownMethod)
    throw new StintError('unknown_action', 'this is not a request of a Google API that names what it does')
  const object = findObject(path)?.text
  return {
    id: `gcp:${service}:${type}::${verb}`,
    access: accessOf(service, method, verb),
    resource: path,
    parameters: { service, ...(object !== undefined && { object }) },
  }
}

function standardVerb(method: string, isItem: boolean, part: string | undefined): string | undefined {
  if (part === 'upload' && method === 'PUT') return 'create' // the bytes of a resumable upload
  const verbs = isItem ? ITEM : COLLECTION
  return Object.hasOwn(verbs, method) ? verbs[method] : undefined
}

function accessOf(service: string, method: string, verb: string): Access {
  if (method === 'GET' || method === 'HEAD' || QUESTIONS.includes(verb)) return 'read'
  if (verb === 'setIamPolicy' || GOVERNING.includes(service)) return 'admin'
  return /^(?:delete|destroy|purge|remove)/.test(verb) ? 'destructive' : 'write'
}
