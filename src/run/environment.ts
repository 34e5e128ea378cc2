import type { ProofKind, Target } from '../model.ts'

/** A target as `GET /v1/targets/:id` shows it. */
export type ShownTarget = Target & {
  readonly placeholderVariables: readonly string[]
  readonly plugPoints: readonly string[]
}

/** What the command is told, besides what it inherits. Paths are as the command sees them. */
export interface Told {
  readonly taskId: string
  readonly proof: ProofKind
  readonly proxy: URL
  /** PEM bundle: Stint's CA and the system's roots. */
  readonly caBundle: string
  /** The same as a Java KeyStore, with `trustStorePassword`. */
  readonly trustStore: string
  /** Absent where git may read the user's own configuration, credential helpers included. */
  readonly gitConfig: string | undefined
  readonly targets: readonly ShownTarget[]
  /** git's settings for the credential helper of the run. */
  readonly gitHelper: readonly (readonly [key: string, value: string])[]
  /** Further variables, of what has a protocol of its own. `undefined` removes one. */
  readonly wired: Readonly<Record<string, string | undefined>>
}

/** A Java truststore needs a password; what it guards is public. */
export const TRUST_STORE_PASSWORD = 'stint-public'

/** What stands for a credential that the gateway injects. */
export const PLACEHOLDER = 'stint-placeholder'

type Value = (told: Told, before: string | undefined) => string | undefined
const proxy = (told: Told): string => told.proxy.href.replace(/\/$/, '')
const ca: Value = (told) => told.caBundle
const removed: Value = () => undefined
const is =
  (text: string): Value =>
  () =>
    text

/** As it was, but removed where a target has a placeholder for `name`. */
function unlessPlaceheld(name: string): Value {
  return ({ targets }, before) =>
    targets.some(({ placeholderVariables }) => placeholderVariables.includes(name)) ? undefined : before
}

/** Every variable that leads the usual tools to the gateway and lets them trust it. `undefined` removes the variable. */
const VARIABLES: Readonly<Record<string, Value>> = {
  // Where requests go. Nothing is exempt, so nothing leaves around the gateway by an inherited exception.
  HTTP_PROXY: proxy,
  http_proxy: proxy,
  HTTPS_PROXY: proxy,
  https_proxy: proxy,
  ALL_PROXY: proxy,
  all_proxy: proxy,
  WS_PROXY: proxy,
  WSS_PROXY: proxy,
  NO_PROXY: is(''),
  no_proxy: is(''),
  FTP_PROXY: removed,
  ftp_proxy: removed,
  PIP_PROXY: removed,
  GIT_PROXY_COMMAND: removed,
  npm_config_proxy: removed,
  npm_config_https_proxy: removed,
  npm_config_noproxy: removed,
  CARGO_HTTP_PROXY: removed,
  GLOBAL_AGENT_HTTP_PROXY: proxy,
  CLOUDSDK_PROXY_TYPE: is('http'),
  CLOUDSDK_PROXY_ADDRESS: (told) => told.proxy.hostname,
  CLOUDSDK_PROXY_PORT: (told) => told.proxy.port,
  NODE_USE_ENV_PROXY: is('1'),
  // Whom to trust: OpenSSL, Go, Ruby and Rust read SSL_CERT_FILE; the rest have names of their own.
  SSL_CERT_FILE: ca,
  SSL_CERT_DIR: removed,
  NIX_SSL_CERT_FILE: ca,
  NODE_EXTRA_CA_CERTS: ca,
  DENO_CERT: ca,
  CURL_CA_BUNDLE: ca,
  GIT_SSL_CAINFO: ca,
  GIT_SSL_CAPATH: removed,
  REQUESTS_CA_BUNDLE: ca,
  HTTPLIB2_CA_CERTS: ca,
  PIP_CERT: ca,
  npm_config_cafile: ca,
  npm_config_ca: removed,
  YARN_HTTPS_CA_FILE_PATH: ca,
  AWS_CA_BUNDLE: ca,
  // Where a target takes AWS's placeholder keys, a profile would name others, in files that are hidden.
  AWS_PROFILE: unlessPlaceheld('AWS_ACCESS_KEY_ID'),
  AWS_DEFAULT_PROFILE: unlessPlaceheld('AWS_ACCESS_KEY_ID'),
  CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE: ca,
  CARGO_HTTP_CAINFO: ca,
  BUNDLE_SSL_CA_CERT: ca,
  HEX_CACERTS_PATH: ca,
  PERL_LWP_SSL_CA_FILE: ca,
  GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: ca,
  JAVA_TOOL_OPTIONS: javaOptions,
  // git asks nobody for passwords and runs no credential helper but the run's; its name and address are kept in `gitConfig`.
  GIT_TERMINAL_PROMPT: is('0'),
  GIT_CONFIG_GLOBAL: (told) => told.gitConfig,
  GIT_ASKPASS: removed,
  SSH_ASKPASS: removed,
  STINT_TASK: (told) => told.taskId,
  STINT_SANDBOX: (told) => told.proof,
}

/** The command's whole environment: `inherited`, then what leads to the gateway, then placeholders so that tools start. */
export function buildEnvironment(inherited: Readonly<Record<string, string>>, told: Told): Record<string, string> {
  const environment: Record<string, string> = { ...placeholders(told.targets), ...inherited }
  for (const name of Object.keys(inherited))
    if (name.startsWith('STINT_') || name.startsWith('GIT_CONFIG_')) delete environment[name]
  const ours = Object.entries(VARIABLES).map(([name, value]) => [name, value(told, inherited[name])] as const)
  for (const [name, text] of [...ours, ...Object.entries(told.wired)]) {
    if (text === undefined) delete environment[name]
    else environment[name] = text
  }
  return { ...environment, ...gitSettings(told) }
}

/** Values that only look like credentials; the gateway puts the real one in its place. */
function placeholders(targets: readonly ShownTarget[]): Record<string, string> {
  const values = targets.flatMap(({ placeholderVariables, placement }) =>
    placeholderVariables.map((name) => [name, placement.kind === 'placeholder' ? placement.placeholder : PLACEHOLDER] as const),
  )
  return Object.fromEntries(values)
}

function javaOptions({ proxy: { hostname, port }, trustStore }: Told, before = ''): string {
  const proxied = ['http', 'https'].flatMap((scheme) => [`-D${scheme}.proxyHost=${hostname}`, `-D${scheme}.proxyPort=${port}`])
  const trust = [`trustStore=${trustStore}`, 'trustStoreType=JKS', `trustStorePassword=${TRUST_STORE_PASSWORD}`]
  return [
    ...(before === '' ? [] : [before]),
    ...proxied,
    '-Dhttp.nonProxyHosts=',
    ...trust.map((setting) => `-Djavax.net.ssl.${setting}`),
  ].join(' ')
}

/** git's own settings, by its environment: they outrank every file. SSH remotes of hosts that are declared for HTTPS only go over that. */
function gitSettings(told: Told): Record<string, string> {
  const overSsh = new Set(
    told.targets.flatMap(({ hosts }) => hosts.flatMap(({ scheme, host }) => (scheme === 'ssh' ? host : []))),
  )
  const rewrites = told.targets.flatMap(({ hosts }) =>
    hosts
      .filter(({ scheme, host, port }) => scheme === 'https' && port === 443 && !host.startsWith('*') && !overSsh.has(host))
      .flatMap(({ host }) =>
        [`git@${host}:`, `ssh://git@${host}/`].map((from) => [`url.https://${host}/.insteadOf`, from] as const),
      ),
  )
  const helper = told.gitConfig === undefined ? [] : [['credential.helper', ''] as const, ...told.gitHelper]
  const settings = [...helper, ['http.proxy', proxy(told)] as const, ...rewrites]
  const pairs = settings.flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key] as const,
    [`GIT_CONFIG_VALUE_${at}`, value] as const,
  ])
  return { GIT_CONFIG_COUNT: String(settings.length), ...Object.fromEntries(pairs) }
}
