import { StintError } from '../../errors.ts'
import type { Access } from '../../model.ts'

/** One service that is called by one operation’s name at `/`. */
export interface AwsService {
  /** How its hosts begin, where not by its signing name. */
  readonly host?: string
  /** What IAM calls it, where not by its signing name. */
  readonly iam?: string
  /** What its X-Amz-Target begins with; absent where it does not speak JSON. */
  readonly target?: string
  /** It takes `Action=` in a form or a query. */
  readonly takesForm?: true
}

/** By signing name. What is not here is unknown, and so denied. */
export const SERVICES: Readonly<Record<string, AwsService>> = {
  acm: { target: 'CertificateManager' },
  'application-autoscaling': { target: 'AnyScaleFrontendService' },
  athena: { target: 'AmazonAthena' },
  autoscaling: { takesForm: true },
  cloudformation: { takesForm: true },
  codebuild: { target: 'CodeBuild_20161006' },
  codepipeline: { target: 'CodePipeline_20150709' },
  config: { target: 'StarlingDoveService' },
  dynamodb: { target: 'DynamoDB_20120810' },
  ec2: { takesForm: true },
  ecr: { target: 'AmazonEC2ContainerRegistry_V20150921', host: 'api.ecr' },
  ecs: { target: 'AmazonEC2ContainerServiceV20141113' },
  elasticache: { takesForm: true },
  elasticloadbalancing: { takesForm: true },
  events: { target: 'AWSEvents' },
  firehose: { target: 'Firehose_20150804' },
  glue: { target: 'AWSGlue' },
  iam: { takesForm: true },
  kinesis: { target: 'Kinesis_20131202' },
  kms: { target: 'TrentService' },
  logs: { target: 'Logs_20140328' },
  monitoring: { target: 'GraniteServiceVersion20100801', takesForm: true, iam: 'cloudwatch' },
  rds: { takesForm: true },
  redshift: { takesForm: true },
  secretsmanager: { target: 'secretsmanager' },
  ses: { takesForm: true, host: 'email' },
  sns: { takesForm: true },
  sqs: { target: 'AmazonSQS', takesForm: true },
  ssm: { target: 'AmazonSSM' },
  states: { target: 'AWSStepFunctions' },
  sts: { takesForm: true },
}

const OPERATION = /^[A-Z][A-Za-z0-9]{1,63}$/

/** How much the first word of an operation’s name may do. A word that is not here may do anything. */
const WORDS: readonly (readonly [words: RegExp, access: Access])[] = [
  [
    /^(?:BatchCheck|BatchGet|Check|Compare|Decode|Decrypt|Describe|Detect|Discover|Estimate|Filter|Get|Head|List|Lookup|Preview|Query|Receive|Scan|Search|Select|Simulate|TransactGet|Validate|Verify|View)/,
    'read',
  ],
  [
    /^(?:BatchDelete|Cancel|Delete|Deregister|Destroy|Disable|Purge|Reboot|Release|Remove|Revoke|Schedule.*Deletion|Stop|Terminate)/,
    'destructive',
  ],
  [
    /^(?:Add|Associate|Attach|BatchPut|BatchWrite|Change|Copy|Create|Enable|Encrypt|Generate|Import|Modify|Publish|Put|Register|Restore|Retry|Run|Send|Set|Sign|Start|Subscribe|Tag|TransactWrite|Untag|Update|Upload)/,
    'write',
  ],
]

/** Names by which credentials or rights are given away, whatever their first word. */
const RIGHTS = /Permission|Policy|AccessKey|LoginProfile|(?:^|[a-z])Grant|Role(?!s?$)|Password|Principal|Trust/
/** Answers with keys of another session, which no session policy would hold. */
const GIVES_KEYS = /^(?:AssumeRole.*|AssumeRoot|GetFederationToken|GetSessionToken|GetWebIdentityToken)$/

/** The service, or `unknown_action`. */
export function findService(name: string): AwsService {
  const found = Object.hasOwn(SERVICES, name) ? SERVICES[name] : undefined
  if (found === undefined) throw new StintError('unknown_action', `the AWS service ${name} is not known`)
  return found
}

/** How much an operation may do. Throws `unknown_action` for what is no name of one and for what would hand out keys. */
export function accessOf(service: string, operation: string): Access {
  if (!OPERATION.test(operation)) throw new StintError('unknown_action', 'the operation’s name is not one')
  if (service === 'sts' && GIVES_KEYS.test(operation))
    throw new StintError('unknown_action', `${operation} would give keys to the workload; name the role in the target instead`)
  const access = WORDS.find(([words]) => words.test(operation))?.[1] ?? 'admin'
  if (access === 'read') return access
  return service === 'iam' || RIGHTS.test(operation) ? 'admin' : access
}

/** What IAM is asked for an operation, where it is not asked for it by its own name (Service Authorization Reference). */
const PERMISSIONS: Readonly<Record<string, readonly string[]>> = {
  'dynamodb:TransactGetItems': ['dynamodb:GetItem'],
  'dynamodb:TransactWriteItems': [
    'dynamodb:ConditionCheckItem',
    'dynamodb:DeleteItem',
    'dynamodb:PutItem',
    'dynamodb:UpdateItem',
  ],
  'dynamodb:ExecuteStatement': [
    'dynamodb:PartiQLDelete',
    'dynamodb:PartiQLInsert',
    'dynamodb:PartiQLSelect',
    'dynamodb:PartiQLUpdate',
  ],
  'secretsmanager:BatchGetSecretValue': [
    'secretsmanager:BatchGetSecretValue',
    'secretsmanager:GetSecretValue',
    'secretsmanager:ListSecrets',
  ],
  'sns:PublishBatch': ['sns:Publish'],
  'sqs:ChangeMessageVisibilityBatch': ['sqs:ChangeMessageVisibility'],
  'sqs:DeleteMessageBatch': ['sqs:DeleteMessage'],
  'sqs:SendMessageBatch': ['sqs:SendMessage'],
}

/** The IAM actions that an operation takes. */
export function permissionsOf(service: string, operation: string): readonly string[] {
  const named = `${SERVICES[service]?.iam ?? service}:${operation}`
  return (Object.hasOwn(PERMISSIONS, named) && PERMISSIONS[named]) || [named]
}
