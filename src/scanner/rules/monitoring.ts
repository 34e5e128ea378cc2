import { crc32 } from 'node:zlib'
import { factsOf, readJson, toJson64 } from '../encoded.ts'
import { token } from '../pattern.ts'
import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64 } from '../sample.ts'

/** Grafana's own tokens end in the CRC-32 of what stands before, its bytes in hex, the lowest first. */
function withCrc(body: string): string {
  const sum = Buffer.alloc(4)
  sum.writeUInt32LE(crc32(body))
  return `${body}_${sum.toString('hex')}`
}

/** A token of Grafana Cloud is JSON: organization, name, key, and in which region. */
const cloudOf = (secret: string): Readonly<Record<string, string>> =>
  factsOf(readJson(secret.slice(4)), { organization: 'o', name: 'n' })
const cloud = (organization: string): string =>
  `glc_${toJson64({ o: organization, n: 'stack-1-hm-read', k: base64(32), m: { r: 'eu' } })}`

/** An organization token of Sentry has JSON in its middle (RFC 0091 of Sentry). */
const sentryOf = (secret: string): Readonly<Record<string, string>> =>
  factsOf(readJson(secret.split('_')[1] ?? ''), { organization: 'org', region: 'region_url' })
const sentry = (org: string): string =>
  `sntrys_${toJson64({ iat: 1, url: 'https://sentry.io', region_url: 'https://de.sentry.io', org })}_${base64(43)}`

/** Monitoring, logs, errors, alerts and feature flags. */
export const monitoring = [
  ...rulesOf('Datadog', 'https://docs.datadoghq.com/account_management/api-app-keys/', [
    named('datadog-api', 'API key', ['datadog', 'dd_api'], '<hex 32>'),
    named('datadog-app', 'application key', ['datadog', 'dd_app'], '<hex 40>'),
  ]),
  ...rulesOf('New Relic', 'https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/', [
    known('newrelic-user', 'user API key', 'NRAK-<upper 27>'),
    known('newrelic-license', 'license key', '<hex 36>NRAL', { keywords: ['nral'] }),
    known('newrelic-insights-insert', 'Insights insert key', 'NRII-<url 32>'),
    known('newrelic-insights-query', 'Insights query key', 'NRIQ-<url 32>'),
    known('newrelic-admin', 'admin API key', 'NRAA-<hex 27>'),
  ]),
  ...rulesOf('Grafana', 'https://grafana.com/docs/grafana/latest/administration/service-accounts/', [
    known('grafana-service-account', 'service account token', 'glsa_<alnum 32>_<hex 8>', {
      check: (secret) => withCrc(secret.slice(0, -9)) === secret,
      samples: () => ({
        hits: [
          withCrc(`glsa_${alnum(32)}`),
          [`GRAFANA_TOKEN=${withCrc(`glsa_${alnum(32, 2)}`)}`, withCrc(`glsa_${alnum(32, 2)}`)],
        ],
        misses: [`glsa_${alnum(32)}_deadbeef`, withCrc(`glsa_${alnum(31)}`), `${withCrc(`glsa_${alnum(32)}`)}0`],
      }),
    }),
  ]),
  ...rulesOf(
    'Grafana Cloud',
    'https://grafana.com/docs/grafana-cloud/security-and-account-management/authentication-and-permissions/access-policies/',
    [
      {
        id: 'grafana-cloud',
        title: 'access policy token',
        keywords: ['glc_eyj'],
        pattern: token('glc_eyJ[0-9A-Za-z+/]{60,400}={0,2}'),
        confidence: 'high',
        check: (secret) => cloudOf(secret).organization !== undefined,
        facts: cloudOf,
        samples: () => ({
          hits: [cloud('123456'), [`GRAFANA_CLOUD_TOKEN=${cloud('98')}`, cloud('98')]],
          misses: [cloud(''), `glc_eyJ${base64(120)}`, cloud('123456').slice(0, -6)],
        }),
      },
    ],
  ),
  ...rulesOf('Sentry', 'https://docs.sentry.io/account/auth-tokens/', [
    {
      id: 'sentry-organization',
      title: 'organization auth token',
      keywords: ['sntrys_eyj'],
      pattern: token('sntrys_eyJ[0-9A-Za-z+/]{40,400}={0,2}_[0-9A-Za-z+/]{43}'),
      confidence: 'high',
      check: (secret) => sentryOf(secret).organization !== undefined,
      facts: sentryOf,
      samples: () => ({
        hits: [sentry('acme'), [`SENTRY_AUTH_TOKEN=${sentry('acme-eu')}`, sentry('acme-eu')]],
        misses: [sentry('acme').slice(0, -1), sentry(''), `sntrys_eyJ${base64(80)}_${base64(43)}`],
      }),
    },
    known('sentry-user', 'user auth token', 'sntryu_<hex 64>'),
    known('sentry-internal', 'token of an internal integration', 'sntryi_<hex 64>'),
    known('sentry-app', 'token of an integration', 'sntrya_<hex 64>'),
    named('sentry-legacy', 'auth token (legacy)', ['sentry'], '<hex 64>'),
  ]),
  ...rulesOf('PagerDuty', 'https://developer.pagerduty.com/docs/authentication', [
    named('pagerduty-user', 'user API key', ['pagerduty', 'pager_duty'], 'u+<url 18>'),
    named('pagerduty-api', 'API key', ['pagerduty', 'pager_duty'], '<url 20>'),
    named('pagerduty-integration', 'integration key', ['pagerduty', 'pager_duty'], '<hex 32>'),
  ]),
  ...rulesOf('Honeycomb', 'https://docs.honeycomb.io/configure/environments/manage-api-keys/', [
    known('honeycomb-ingest', 'ingest key', 'hcaik_<lower 58>'),
    known('honeycomb-ingest-classic', 'ingest key (classic)', 'hcaic_<lower 58>'),
    named('honeycomb-configuration', 'configuration key', ['honeycomb'], '<alnum 22>'),
    named('honeycomb-classic', 'API key (classic)', ['honeycomb'], '<hex 32>'),
  ]),
  ...rulesOf('Dynatrace', 'https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients', [
    known('dynatrace-access', 'access token', 'dt0c01.<base32 24>.<base32 64>'),
    known('dynatrace-platform', 'platform token', 'dt0s16.<base32 8>.<base32 64>'),
    known('dynatrace-oauth', 'OAuth client secret', 'dt0s02.<base32 8>.<base32 64>'),
    known('dynatrace-oauth-automation', 'OAuth client secret (automation)', 'dt0s08.<base32 8>.<base32 64>'),
  ]),
  ...rulesOf('Logz.io', 'https://docs.logz.io/', [
    named('logzio-shipping', 'shipping token', ['logzio', 'logz_io', 'logz.io'], '<alnum 32>'),
  ]),
  ...rulesOf('Sumo Logic', 'https://help.sumologic.com/', [
    named('sumologic-access', 'access key', ['sumologic', 'sumo_', 'sumo-logic'], '<alnum 64>'),
  ]),
  ...rulesOf('Rollbar', 'https://docs.rollbar.com/', [named('rollbar-access', 'access token', ['rollbar'], '<hex 32>')]),
  ...rulesOf('Bugsnag', 'https://docs.bugsnag.com/', [named('bugsnag-api', 'API key', ['bugsnag'], '<hex 32>')]),
  ...rulesOf('PostHog', 'https://posthog.com/docs/api', [known('posthog-personal', 'personal API key', 'phx_<alnum 40-60>')]),
  ...rulesOf('LaunchDarkly', 'https://launchdarkly.com/docs/home/account/api', [
    named('launchdarkly-sdk', 'SDK key', ['launchdarkly', 'launch_darkly', 'ld_sdk'], 'sdk-<uuid>'),
    named('launchdarkly-api', 'API access token', ['launchdarkly', 'launch_darkly', 'ld_api'], 'api-<uuid>'),
  ]),
  ...rulesOf('Better Stack', 'https://betterstack.com/docs/', [
    named('betterstack-source', 'source token', ['logtail', 'betterstack', 'better_stack'], '<alnum 24>'),
  ]),
  ...rulesOf('Loggly', 'https://documentation.solarwinds.com/en/success_center/loggly/', [
    named('loggly-customer', 'customer token', ['loggly'], '<uuid>'),
  ]),
  ...rulesOf('Mezmo', 'https://docs.mezmo.com/', [named('mezmo-ingestion', 'ingestion key', ['logdna', 'mezmo'], '<hex 32>')]),
  ...rulesOf('Axiom', 'https://axiom.co/docs', [
    known('axiom-api', 'API token', 'xaat-<uuid>'),
    known('axiom-personal', 'personal access token', 'xapt-<uuid>'),
  ]),
  ...rulesOf('Splunk', 'https://docs.splunk.com/', [named('splunk-hec', 'HTTP event collector token', ['splunk'], '<uuid>')]),
  ...rulesOf('Splunk Observability', 'https://docs.splunk.com/observability/', [
    named('signalfx-access', 'access token', ['signalfx', 'sfx_'], '<url 22>'),
  ]),
  ...rulesOf('Opsgenie', 'https://docs.opsgenie.com/', [named('opsgenie-api', 'API key', ['opsgenie'], '<uuid>')]),
  ...rulesOf('UptimeRobot', 'https://uptimerobot.com/api/', [
    named('uptimerobot-api', 'main API key', ['uptimerobot', 'uptime_robot'], 'u<digits 5-9>-<hex 24>'),
  ]),
  ...rulesOf('Healthchecks.io', 'https://healthchecks.io/docs/api/', [
    named('healthchecks-api', 'API key', ['healthchecks'], '<url 32>'),
  ]),
  ...rulesOf('Airbrake', 'https://docs.airbrake.io/', [named('airbrake-project', 'project key', ['airbrake'], '<hex 32>')]),
  ...rulesOf('Honeybadger', 'https://docs.honeybadger.io/', [known('honeybadger-project', 'API key', 'hbp_<alnum 36>')]),
  ...rulesOf('AppSignal', 'https://docs.appsignal.com/', [named('appsignal-push', 'push API key', ['appsignal'], '<uuid>')]),
  ...rulesOf('Coralogix', 'https://coralogix.com/docs/', [
    known('coralogix-send', 'send-your-data key', 'cxtp_<alnum 30>'),
    known('coralogix-personal', 'personal key', 'cxup_<alnum 30>'),
  ]),
  ...rulesOf('Checkly', 'https://www.checklyhq.com/docs/', [named('checkly-user', 'user API key', ['checkly'], 'cu_<hex 32>')]),
  ...rulesOf('Statuspage', 'https://developer.statuspage.io/', [named('statuspage-api', 'API key', ['statuspage'], '<uuid>')]),
  ...rulesOf('FireHydrant', 'https://docs.firehydrant.com/', [known('firehydrant-bot', 'bot token', 'fhb-<hex 32>')]),
  ...rulesOf('Rootly', 'https://docs.rootly.com/', [known('rootly-api', 'API key', 'rootly_<hex 64>')]),
  ...rulesOf('Statsig', 'https://docs.statsig.com/', [
    named('statsig-server', 'server secret key', ['statsig'], 'secret-<alnum 40-50>'),
  ]),
  ...rulesOf('ConfigCat', 'https://configcat.com/docs/', [
    known('configcat-sdk', 'SDK key', 'configcat-sdk-1/<url 22>/<url 22>'),
  ]),
  ...rulesOf('Flagsmith', 'https://docs.flagsmith.com/', [
    named('flagsmith-server', 'server-side environment key', ['flagsmith'], 'ser.<alnum 22>'),
  ]),
  ...rulesOf('Unleash', 'https://docs.getunleash.io/', [
    named('unleash-client', 'API token', ['unleash'], '<lower 3-20>:<lower 3-20>.<hex 56>'),
  ]),
]
