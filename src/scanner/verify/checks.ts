/** A question that changes nothing at the provider, and which answers mean what. An answer in neither list says nothing. */
export interface Check {
  ask(secret: string): Ask
  readonly live: readonly number[]
  readonly dead: readonly number[]
  /** For providers that answer 200 either way: what is said inside. Attacker-controlled. */
  saysLive?(body: string): boolean | undefined
}

/** One request. Its host is the provider's own, never one that the scanned text names. */
export interface Ask {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** Under this scheme (RFC 9110, section 11.4), or the bare secret. A 403 is of one that lives and may not see this: it says nothing. */
const authorized = (scheme: string, url: string, more: Readonly<Record<string, string>> = {}): Check => ({
  ask: (secret) => ({ method: 'GET', url, headers: { authorization: `${scheme}${secret}`, ...more } }),
  live: [200],
  dead: [401],
})

const bearer = (url: string, more: Readonly<Record<string, string>> = {}): Check => authorized('Bearer ', url, more)

const header = (name: string, url: string, more: Readonly<Record<string, string>> = {}, dead = [401, 403]): Check => ({
  ask: (secret) => ({ method: 'GET', url, headers: { [name]: secret, ...more } }),
  live: [200],
  dead,
})

const basic = (url: string): Check => ({
  ask: (secret) => ({ method: 'GET', url, headers: { authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}` } }),
  live: [200],
  dead: [401],
})

/** GitHub refuses requests that do not say who asks. */
const GITHUB = bearer('https://api.github.com/user', { 'user-agent': 'stint-scan' })
const ASANA = bearer('https://app.asana.com/api/1.0/users/me')
/** `auth.test` answers 200 and says `ok`. A revoked token is an error of four names. */
const SLACK: Check = {
  ask: (secret) => ({ method: 'POST', url: 'https://slack.com/api/auth.test', headers: { authorization: `Bearer ${secret}` } }),
  live: [],
  dead: [],
  saysLive(body) {
    if (/"ok"\s*:\s*true/.test(body)) return true
    return /"error"\s*:\s*"(?:invalid_auth|token_revoked|token_expired|account_inactive)"/.test(body) ? false : undefined
  },
}

/** The checks, by the id of their rule: each by the provider's own documentation of a read of who is asking. */
export const CHECKS: Readonly<Record<string, Check>> = {
  'github-pat': GITHUB,
  'github-oauth': GITHUB,
  'github-user-to-server': GITHUB,
  'github-pat-fine-grained': GITHUB,
  'github-installation': bearer('https://api.github.com/installation/repositories?per_page=1', { 'user-agent': 'stint-scan' }),
  'github-installation-stateless': bearer('https://api.github.com/installation/repositories?per_page=1', {
    'user-agent': 'stint-scan',
  }),
  'gitlab-pat': header('private-token', 'https://gitlab.com/api/v4/personal_access_tokens/self'),
  'npm-access': bearer('https://registry.npmjs.org/-/whoami'),
  'huggingface-user': bearer('https://huggingface.co/api/whoami-v2'),
  'replicate-api': bearer('https://api.replicate.com/v1/account'),
  'groq-api': bearer('https://api.groq.com/openai/v1/models'),
  'openai-user': bearer('https://api.openai.com/v1/models'),
  'digitalocean-pat': bearer('https://api.digitalocean.com/v2/account'),
  'digitalocean-oauth': bearer('https://api.digitalocean.com/v2/account'),
  'sendgrid-api': bearer('https://api.sendgrid.com/v3/scopes'),
  'airtable-pat': bearer('https://api.airtable.com/v0/meta/whoami'),
  'anthropic-api': header('x-api-key', 'https://api.anthropic.com/v1/models', { 'anthropic-version': '2023-06-01' }, [401]),
  'asana-pat': ASANA,
  'asana-pat-of-app': ASANA,
  'brevo-api': header('api-key', 'https://api.brevo.com/v3/account', {}, [401]),
  'buildkite-api': bearer('https://api.buildkite.com/v2/access-token'),
  'circleci-personal': header('circle-token', 'https://circleci.com/api/v2/me', {}, [401]),
  'clickup-token': authorized('', 'https://api.clickup.com/api/v2/user'),
  'contentful-pat': bearer('https://api.contentful.com/users/me'),
  'heroku-api': bearer('https://api.heroku.com/account', { accept: 'application/vnd.heroku+json; version=3' }),
  'launchdarkly-api': authorized('', 'https://app.launchdarkly.com/api/v2/caller-identity'),
  'linode-pat': bearer('https://api.linode.com/v4/profile'),
  'netlify-pat': bearer('https://api.netlify.com/api/v1/user'),
  'openrouter-api': bearer('https://openrouter.ai/api/v1/key'),
  'pulumi-access': authorized('token ', 'https://api.pulumi.com/api/user', { accept: 'application/vnd.pulumi+8' }),
  'snyk-api-token': authorized('token ', 'https://api.snyk.io/rest/self?version=2024-06-10'),
  'square-access-token': bearer('https://connect.squareup.com/v2/merchants/me'),
  'supabase-pat': bearer('https://api.supabase.com/v1/projects'),
  'terraform-api': bearer('https://app.terraform.io/api/v2/account/details'),
  'typeform-pat': bearer('https://api.typeform.com/me'),
  'datadog-api': header('dd-api-key', 'https://api.datadoghq.com/api/v1/validate'),
  'notion-token': bearer('https://api.notion.com/v1/users/me', { 'notion-version': '2022-06-28' }),
  'figma-pat': header('x-figma-token', 'https://api.figma.com/v1/me'),
  'stripe-secret-key-live': basic('https://api.stripe.com/v1/balance'),
  'stripe-secret-key-test': basic('https://api.stripe.com/v1/balance'),
  'slack-bot-token': SLACK,
  'slack-user-token': SLACK,
  'telegram-bot-token': {
    ask: (secret) => ({ method: 'GET', url: `https://api.telegram.org/bot${secret}/getMe`, headers: {} }),
    live: [200],
    dead: [401, 404],
  },
}
