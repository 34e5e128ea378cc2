import type { Placement, Preset, Sensitivity, Target } from '../model.ts'

type More = Partial<Omit<Preset, 'id' | 'summary' | 'hosts'>>

const NONE: Placement = { kind: 'none' }
const BEARER: Placement = { kind: 'header', name: 'authorization', prefix: 'Bearer ' }
const ANY_USER: Placement = { kind: 'basic', username: '' }

/** Every preset. `summary` is one sentence; the rest is a row of facts. */
export const PRESETS: readonly Preset[] = [
  // Code hosts
  preset(
    'github',
    'GitHub: git over HTTPS, REST and GraphQL.',
    ['github.com', 'api.github.com', 'uploads.github.com', 'codeload.github.com'],
    {
      connector: 'github',
      placeholderVariables: ['GITHUB_TOKEN', 'GH_TOKEN'],
    },
  ),
  preset(
    'github-public',
    'Public files that GitHub serves from its content hosts, without a credential.',
    ['raw.githubusercontent.com', 'objects.githubusercontent.com', 'release-assets.githubusercontent.com'],
    open('public'),
  ),
  preset('github-enterprise', 'GitHub Enterprise Server on its own host.', [], {
    connector: 'github',
    asks: ['host'],
    placeholderVariables: ['GH_ENTERPRISE_TOKEN', 'GITHUB_ENTERPRISE_TOKEN'],
  }),
  preset('gitlab', 'GitLab.com: git over HTTPS and REST.', ['gitlab.com'], {
    connector: 'git-rest',
    placement: header('private-token'),
    placeholderVariables: ['GITLAB_TOKEN'],
  }),
  preset('gitlab-self-managed', 'GitLab on its own host.', [], {
    connector: 'git-rest',
    asks: ['host'],
    placement: header('private-token'),
    placeholderVariables: ['GITLAB_TOKEN'],
  }),
  preset('bitbucket', 'Bitbucket Cloud: git over HTTPS and REST, with an access token.', ['bitbucket.org', 'api.bitbucket.org'], {
    connector: 'git-rest',
    placeholderVariables: ['BITBUCKET_TOKEN'],
  }),
  preset('gitea', 'Gitea or Forgejo on its own host: git over HTTPS and REST.', [], {
    connector: 'git-rest',
    asks: ['host'],
    placement: header('authorization', 'token '),
    placeholderVariables: ['GITEA_TOKEN'],
  }),
  preset('codeberg', 'Codeberg: git over HTTPS and REST.', ['codeberg.org'], {
    connector: 'git-rest',
    placement: header('authorization', 'token '),
    placeholderVariables: ['GITEA_TOKEN'],
  }),
  preset('git', 'Any git server over smart HTTP, with Git LFS, and nothing else on it.', [], {
    connector: 'git',
    asks: ['host', 'username'],
    placement: ANY_USER,
  }),
  preset(
    'github-lfs',
    'Objects of Git LFS, which GitHub keeps beside its repositories and lets who has its signed addresses read and write.',
    ['github-cloud.githubusercontent.com', 'github-cloud.s3.amazonaws.com', 'lfs.github.com'],
    open('internal'),
  ),

  // Container registries
  preset(
    'docker-hub',
    'Docker Hub; a credential is needed only to push or for private images.',
    [
      'registry-1.docker.io',
      'auth.docker.io',
      'production.cloudflare.docker.com',
      'production.cloudfront.docker.com',
      'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
    ],
    { ...maybe(ANY_USER), connector: 'oci', asks: ['username'] },
  ),
  preset(
    'ghcr',
    'GitHub’s container registry; a credential is needed only to push or for private images.',
    ['ghcr.io', 'pkg-containers.githubusercontent.com'],
    { ...maybe({ kind: 'basic', username: 'x-access-token' }), connector: 'oci' },
  ),

  // Package registries
  preset('npm', 'The npm registry; a credential is needed only to publish or for private packages.', ['registry.npmjs.org'], {
    ...maybe(BEARER),
    connector: 'npm',
    placeholderVariables: ['NPM_TOKEN', 'NODE_AUTH_TOKEN'],
  }),
  preset('pypi', 'PyPI for installing, without a credential.', ['pypi.org', 'files.pythonhosted.org'], open('public')),
  preset('pypi-upload', 'PyPI for publishing.', ['upload.pypi.org'], {
    placement: { kind: 'basic', username: '__token__' },
    placeholderVariables: ['TWINE_PASSWORD', 'UV_PUBLISH_TOKEN'],
  }),
  preset('crates', 'crates.io; a credential is needed only to publish.', ['crates.io', 'static.crates.io', 'index.crates.io'], {
    ...maybe(header('authorization')),
    placeholderVariables: ['CARGO_REGISTRY_TOKEN'],
  }),
  preset('rubygems', 'RubyGems.org; a credential is needed only to publish.', ['rubygems.org', 'index.rubygems.org'], {
    ...maybe(header('authorization')),
    placeholderVariables: ['GEM_HOST_API_KEY'],
  }),
  preset(
    'go',
    'The Go module mirror and its checksum database, without a credential.',
    ['proxy.golang.org', 'sum.golang.org'],
    open('public'),
  ),
  preset(
    'maven',
    'Maven Central for resolving, without a credential.',
    ['repo.maven.apache.org', 'repo1.maven.org'],
    open('public'),
  ),
  preset('debian', 'Debian’s package archive, without a credential.', ['deb.debian.org', 'security.debian.org'], open('public')),

  // Model vendors
  preset('anthropic', 'The Anthropic API.', ['api.anthropic.com'], {
    ...model('ANTHROPIC_API_KEY'),
    placement: header('x-api-key'),
  }),
  preset('openai', 'The OpenAI API.', ['api.openai.com'], model('OPENAI_API_KEY')),
  preset('gemini', 'The Google Gemini API.', ['generativelanguage.googleapis.com'], {
    ...model('GEMINI_API_KEY', 'GOOGLE_API_KEY'),
    placement: header('x-goog-api-key'),
  }),
  preset('azure-openai', 'Azure OpenAI on its own host.', [], {
    ...model('AZURE_OPENAI_API_KEY'),
    asks: ['host'],
    placement: header('api-key'),
  }),
  preset('mistral', 'The Mistral API.', ['api.mistral.ai'], model('MISTRAL_API_KEY')),
  preset('openrouter', 'OpenRouter.', ['openrouter.ai'], model('OPENROUTER_API_KEY')),
  preset('huggingface', 'Hugging Face: the Hub and its inference router.', ['huggingface.co', 'router.huggingface.co'], {
    ...model('HF_TOKEN'),
    connector: 'git-rest',
  }),
  preset('cohere', 'The Cohere API.', ['api.cohere.com'], model('CO_API_KEY', 'COHERE_API_KEY')),
  preset('groq', 'The Groq API.', ['api.groq.com'], model('GROQ_API_KEY')),
  preset('deepseek', 'The DeepSeek API.', ['api.deepseek.com'], model('DEEPSEEK_API_KEY')),
  preset('xai', 'The xAI API.', ['api.x.ai'], model('XAI_API_KEY')),
  preset('together', 'The Together AI API.', ['api.together.xyz'], model('TOGETHER_API_KEY')),
  preset('perplexity', 'The Perplexity API.', ['api.perplexity.ai'], model('PERPLEXITY_API_KEY')),
  preset('replicate', 'The Replicate API.', ['api.replicate.com'], model('REPLICATE_API_TOKEN')),

  // Work and operations
  preset('slack', 'The Slack Web API.', ['slack.com'], { placeholderVariables: ['SLACK_BOT_TOKEN', 'SLACK_TOKEN'] }),
  preset('linear', 'The Linear GraphQL API, with a personal API key.', ['api.linear.app'], {
    placement: header('authorization'),
    placeholderVariables: ['LINEAR_API_KEY'],
  }),
  preset('atlassian', 'Jira and Confluence Cloud on their site’s host, with an account’s address and API token.', [], {
    asks: ['host', 'username'],
    placement: ANY_USER,
    placeholderVariables: ['JIRA_API_TOKEN', 'ATLASSIAN_API_TOKEN'],
  }),
  preset('notion', 'The Notion API.', ['api.notion.com'], { placeholderVariables: ['NOTION_TOKEN', 'NOTION_API_KEY'] }),
  preset('asana', 'The Asana API.', ['app.asana.com'], { placeholderVariables: ['ASANA_ACCESS_TOKEN'] }),
  preset('airtable', 'The Airtable API.', ['api.airtable.com'], { placeholderVariables: ['AIRTABLE_API_KEY'] }),
  preset('figma', 'The Figma API.', ['api.figma.com'], {
    placement: header('x-figma-token'),
    placeholderVariables: ['FIGMA_TOKEN'],
  }),
  preset('sentry', 'The Sentry API.', ['sentry.io', 'us.sentry.io', 'de.sentry.io'], {
    ...production('confidential'),
    placeholderVariables: ['SENTRY_AUTH_TOKEN'],
  }),
  preset(
    'datadog',
    'Datadog’s US1 site for sending metrics, logs and events with an API key.',
    ['api.datadoghq.com', 'http-intake.logs.datadoghq.com'],
    { ...production('internal'), placement: header('dd-api-key'), placeholderVariables: ['DD_API_KEY'] },
  ),
  preset('pagerduty', 'The PagerDuty REST API.', ['api.pagerduty.com'], {
    ...production('confidential'),
    placement: header('authorization', 'Token token='),
    placeholderVariables: ['PAGERDUTY_TOKEN'],
  }),
  preset('circleci', 'The CircleCI API.', ['circleci.com'], {
    placement: header('circle-token'),
    placeholderVariables: ['CIRCLECI_TOKEN', 'CIRCLE_TOKEN'],
  }),
  preset('cloudflare', 'The Cloudflare API.', ['api.cloudflare.com'], {
    ...production('restricted'),
    placeholderVariables: ['CLOUDFLARE_API_TOKEN'],
  }),
  preset('vercel', 'The Vercel API.', ['api.vercel.com'], {
    ...production('confidential'),
    placeholderVariables: ['VERCEL_TOKEN'],
  }),
  preset('netlify', 'The Netlify API.', ['api.netlify.com'], {
    ...production('confidential'),
    placeholderVariables: ['NETLIFY_AUTH_TOKEN'],
  }),
  preset('digitalocean', 'The DigitalOcean API.', ['api.digitalocean.com'], {
    ...production('restricted'),
    placeholderVariables: ['DIGITALOCEAN_TOKEN', 'DIGITALOCEAN_ACCESS_TOKEN'],
  }),
  preset('stripe', 'The Stripe API: money moves here.', ['api.stripe.com', 'files.stripe.com'], {
    ...production('restricted'),
    placeholderVariables: ['STRIPE_API_KEY', 'STRIPE_SECRET_KEY'],
  }),
  preset('sendgrid', 'The SendGrid mail API.', ['api.sendgrid.com'], {
    ...production('confidential'),
    placeholderVariables: ['SENDGRID_API_KEY'],
  }),
  preset('twilio', 'The Twilio API, with an account SID and auth token.', ['api.twilio.com'], {
    ...production('confidential'),
    asks: ['username'],
    placement: ANY_USER,
    placeholderVariables: ['TWILIO_AUTH_TOKEN'],
  }),
  preset('brave-search', 'The Brave Search API.', ['api.search.brave.com'], {
    placement: header('x-subscription-token'),
    placeholderVariables: ['BRAVE_API_KEY'],
  }),
  preset('tavily', 'The Tavily search API.', ['api.tavily.com'], { placeholderVariables: ['TAVILY_API_KEY'] }),
]

/** The label by which a target made from a preset is known. */
export function presetLabel(id: string): string {
  return `preset:${id}`
}

/** The variables that the tools of the target’s preset look for; none when it was made without one. */
export function presetVariables(target: Target): readonly string[] {
  return PRESETS.find(({ id }) => target.labels.includes(presetLabel(id)))?.placeholderVariables ?? []
}

function preset(id: string, summary: string, hosts: readonly string[], more: More): Preset {
  return {
    id,
    summary,
    connector: 'http',
    hosts: hosts.map((host) => ({ scheme: 'https', host, port: 443 })),
    placement: BEARER,
    credential: 'required',
    asks: [],
    environment: 'unknown',
    sensitivity: 'internal',
    placeholderVariables: [],
    ...more,
  }
}

function header(name: string, prefix = ''): Placement {
  return { kind: 'header', name, prefix }
}

function open(sensitivity: Sensitivity): More {
  return { placement: NONE, credential: 'none', sensitivity }
}

function maybe(placement: Placement): More {
  return { placement, credential: 'optional', sensitivity: 'public' }
}

/** What an agent sends to a model may be anything it has read. */
function model(...placeholderVariables: string[]): More {
  return { placeholderVariables, environment: 'development', sensitivity: 'confidential' }
}

function production(sensitivity: Sensitivity): More {
  return { environment: 'production', sensitivity }
}
