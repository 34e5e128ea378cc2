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

const bearer = (url: string, more: Readonly<Record<string, string>> = {}): Check => ({
  ask: (secret) => ({ method: 'GET', url, headers: { authorization: `Bearer ${secret}`, ...more } }),
  live: [200],
  dead: [401],
})

const header = (name: string, url: string, more: Readonly<Record<string, string>> = {}): Check => ({
  ask: (secret) => ({ method: 'GET', url, headers: { [name]: secret, ...more } }),
  live: [200],
  dead: [401, 403],
})

const basic = (url: string): Check => ({
  ask: (secret) => ({ method: 'GET', url, headers: { authorization: `Basic ${Buffer.from(`${secret}:`).toString('base64')}` } }),
  live: [200],
  dead: [401],
})

/** GitHub refuses requests that do not say who asks. */
const GITHUB = bearer('https://api.github.com/user', { 'user-agent': 'stint-scan' })
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
