import { StintError } from '../../errors.ts'
import type { Access, Operation } from '../../model.ts'
import { readQuery, unescapeText, withoutSignature } from './aws-scope.ts'

/** What an S3 request does, to which bucket and key, and what IAM is asked: `s3:GetObject arn:aws:s3:::bucket/*`. */
export interface S3Call {
  readonly operation: string
  readonly access: Access
  readonly bucket: string
  readonly key: string
  readonly grants: readonly string[]
}

interface Row {
  readonly operation: string
  readonly access: Access
  /** IAM actions on the bucket, and on its objects. */
  readonly bucket?: readonly string[]
  readonly objects?: readonly string[]
  /** Parameters that only shape the answer. Any other parameter could name another operation. */
  readonly takes?: readonly string[]
}

const LISTS = ['prefix', 'delimiter', 'encoding-type', 'max-keys']
const SHAPES = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-type', 'expires']
const READS = ['partNumber', 'versionId', ...SHAPES.map((name) => `response-${name}`)]

/** By method, what it is done to, and the parameter that names the operation (Amazon S3 API Reference). */
const ROWS: Readonly<Record<string, Row>> = {
  'GET service': {
    operation: 'ListBuckets',
    access: 'read',
    takes: ['bucket-region', 'continuation-token', 'max-buckets', 'prefix'],
  },
  'GET bucket': {
    ...{ operation: 'ListObjects', access: 'read', bucket: ['s3:ListBucket'] },
    takes: [...LISTS, 'continuation-token', 'fetch-owner', 'list-type', 'marker', 'start-after'],
  },
  'HEAD bucket': { operation: 'HeadBucket', access: 'read', bucket: ['s3:ListBucket'] },
  'PUT bucket': { operation: 'CreateBucket', access: 'write', bucket: ['s3:CreateBucket'] },
  'DELETE bucket': { operation: 'DeleteBucket', access: 'destructive', bucket: ['s3:DeleteBucket'] },
  'GET bucket location': { operation: 'GetBucketLocation', access: 'read', bucket: ['s3:GetBucketLocation'] },
  'GET bucket policy': { operation: 'GetBucketPolicy', access: 'read', bucket: ['s3:GetBucketPolicy'] },
  'GET bucket tagging': { operation: 'GetBucketTagging', access: 'read', bucket: ['s3:GetBucketTagging'] },
  'GET bucket uploads': {
    ...{ operation: 'ListMultipartUploads', access: 'read', bucket: ['s3:ListBucketMultipartUploads'] },
    takes: [...LISTS, 'key-marker', 'max-uploads', 'upload-id-marker'],
  },
  'GET bucket versioning': { operation: 'GetBucketVersioning', access: 'read', bucket: ['s3:GetBucketVersioning'] },
  'GET bucket versions': {
    ...{ operation: 'ListObjectVersions', access: 'read', bucket: ['s3:ListBucketVersions'] },
    takes: [...LISTS, 'key-marker', 'version-id-marker'],
  },
  'POST bucket delete': {
    operation: 'DeleteObjects',
    access: 'destructive',
    objects: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  },
  'GET object': { operation: 'GetObject', access: 'read', objects: ['s3:GetObject', 's3:GetObjectVersion'], takes: READS },
  'HEAD object': { operation: 'HeadObject', access: 'read', objects: ['s3:GetObject', 's3:GetObjectVersion'], takes: READS },
  'PUT object': { operation: 'PutObject', access: 'write', objects: ['s3:PutObject'] },
  'DELETE object': {
    ...{ operation: 'DeleteObject', access: 'destructive', objects: ['s3:DeleteObject', 's3:DeleteObjectVersion'] },
    takes: ['versionId'],
  },
  'GET object attributes': {
    ...{ operation: 'GetObjectAttributes', access: 'read', objects: ['s3:GetObject', 's3:GetObjectAttributes'] },
    takes: ['versionId'],
  },
  'GET object tagging': { operation: 'GetObjectTagging', access: 'read', objects: ['s3:GetObjectTagging'], takes: ['versionId'] },
  'PUT object tagging': {
    operation: 'PutObjectTagging',
    access: 'write',
    objects: ['s3:PutObjectTagging'],
    takes: ['versionId'],
  },
  'POST object uploads': { operation: 'CreateMultipartUpload', access: 'write', objects: ['s3:PutObject'] },
  'PUT object uploadId': { operation: 'UploadPart', access: 'write', objects: ['s3:PutObject'], takes: ['partNumber'] },
  'POST object uploadId': { operation: 'CompleteMultipartUpload', access: 'write', objects: ['s3:PutObject'] },
  'DELETE object uploadId': { operation: 'AbortMultipartUpload', access: 'write', objects: ['s3:AbortMultipartUpload'] },
  'GET object uploadId': {
    ...{ operation: 'ListParts', access: 'read', objects: ['s3:ListMultipartUploadParts'] },
    takes: ['encoding-type', 'max-parts', 'part-number-marker'],
  },
}

/** Parameters that name an operation. */
const NAMING = new Set(Object.keys(ROWS).flatMap((row) => row.split(' ')[2] ?? []))
/** Amazon S3 User Guide, "General purpose bucket naming rules". */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
/** These let others at the object; only the first two leave it to the bucket’s owner. */
const ACL = /^(?:private|bucket-owner-full-control)$/

/** Names a request to S3. `hostBucket` is the bucket that the host names, if any. Throws `unknown_action`. */
export function nameS3Call({ method, path, query, headers }: Operation, hostBucket: string | undefined): S3Call {
  const parts = path.slice(1).split('/')
  const bucket = hostBucket ?? unescapeText(parts.shift() ?? '')
  const key = unescapeText(parts.join('/'))
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object'
  if (level !== 'service' && !BUCKET.test(bucket)) throw unknown('the bucket’s name is not one')
  const parameters = withoutSignature(readQuery(query)).map(([name]) => name)
  const row = findRow(`${method} ${level}`, parameters)
  const source = headers['x-amz-copy-source']
  if (hasGrants(headers)) throw unknown('the request gives others access to what it writes')
  const grants = [
    ...(level === 'service' ? ['s3:ListAllMyBuckets *'] : []),
    ...(row.bucket ?? []).map((action) => `${action} arn:aws:s3:::${bucket}`),
    ...(row.objects ?? []).map((action) => `${action} arn:aws:s3:::${bucket}/*`),
  ]
  if (source === undefined) return { operation: row.operation, access: row.access, bucket, key, grants }
  if (row.operation !== 'PutObject' && row.operation !== 'UploadPart') throw unknown('only a PUT of an object copies')
  const operation = row.operation === 'PutObject' ? 'CopyObject' : 'UploadPartCopy'
  const from = ['s3:GetObject', 's3:GetObjectVersion'].map((action) => `${action} arn:aws:s3:::${bucketOfSource(source)}/*`)
  return { operation, access: 'write', bucket, key, grants: [...grants, ...from] }
}

function findRow(place: string, parameters: readonly string[]): Row {
  const naming = parameters.filter((name) => NAMING.has(name))
  const wanted = [place, ...naming].join(' ')
  const row = Object.hasOwn(ROWS, wanted) ? ROWS[wanted] : undefined
  if (row === undefined || new Set(parameters).size !== parameters.length) throw unknown('the S3 operation is not known')
  const strange = parameters.find((name) => !naming.includes(name) && name !== 'x-id' && !row.takes?.includes(name))
  if (strange !== undefined) throw unknown('a parameter of the S3 request is not known')
  return row
}

function hasGrants(headers: Operation['headers']): boolean {
  const acl = headers['x-amz-acl']
  return (acl !== undefined && !ACL.test(acl)) || Object.keys(headers).some((name) => name.startsWith('x-amz-grant-'))
}

/** `/bucket/key` or `bucket/key`, escaped; an access point’s ARN is not known. */
function bucketOfSource(source: string): string {
  const bucket = /^\/?([^/]+)\/./.exec(source.replace(/^%2[fF]/, '/').replaceAll(/%2[fF]/g, '/'))?.[1] ?? ''
  if (!BUCKET.test(bucket)) throw unknown('the source of the copy is not a bucket and a key')
  return bucket
}

function unknown(detail: string): StintError {
  return new StintError('unknown_action', detail)
}

/** What an operation takes on any bucket, by its name. Throws `unknown_action`. */
export function permissionsOfS3(operation: string): { readonly access: Access; readonly permissions: readonly string[] } {
  const row = Object.values(ROWS).find((one) => one.operation === operation)
  if (row === undefined) throw unknown('the S3 operation is not known')
  const listed = operation === 'ListBuckets' ? ['s3:ListAllMyBuckets'] : []
  return { access: row.access, permissions: [...listed, ...(row.bucket ?? []), ...(row.objects ?? [])] }
}
