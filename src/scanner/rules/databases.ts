import { readClaims, toJson64 } from '../encoded.ts'
import { isStandIn } from '../likeness.ts'
import { beside, token } from '../pattern.ts'
import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64, base64url, digits, lower } from '../sample.ts'

/** The project of a legacy key that row level security does not hold for. */
function projectOf(jwt: string): string | undefined {
  const { iss, role, ref } = readClaims(jwt)
  return iss === 'supabase' && role === 'service_role' && typeof ref === 'string' && /^[a-z]{20}$/.test(ref) ? ref : undefined
}
const supabase = (role: string): string =>
  [
    toJson64({ alg: 'HS256', typ: 'JWT' }, 'base64url'),
    toJson64({ iss: 'supabase', ref: lower(400).replace(/[0-9]/g, '').slice(0, 20), role }, 'base64url'),
    base64url(43),
  ].join('.')

/** Elasticsearch's keys are an id of 20 characters, a colon and a key of 22, in base 64. */
const isElastic = (secret: string): boolean =>
  /^[\w-]{20}:[\w-]{22}$/.test(Buffer.from(secret, 'base64').toString('latin1')) && !isStandIn(secret)
const elastic = (id: number): string => Buffer.from(`${alnum(id)}:${alnum(22)}`).toString('base64')

const planetscale = (kind: string, title: string) =>
  known(`planetscale-${kind}`, title, `pscale_${kind === 'token' ? 'tkn' : kind}_<url 32-64>`)

/** Databases, and what moves, holds or draws data. */
export const databases = [
  ...rulesOf('MongoDB Atlas', 'https://www.mongodb.com/docs/atlas/configure-api-access/', [
    known('mongodb-service-account', 'secret of a service account', 'mdb_sa_sk_<url 40>'),
    named(
      'mongodb-atlas-private',
      'private API key',
      ['mongodb_atlas', 'mongodbatlas', 'mongodb-atlas', 'atlas_private', 'atlas_api'],
      '<uuid>',
    ),
  ]),
  ...rulesOf('PlanetScale', 'https://planetscale.com/docs/', [
    planetscale('token', 'service token'),
    planetscale('pw', 'password'),
    planetscale('oauth', 'OAuth token'),
  ]),
  ...rulesOf('Supabase', 'https://supabase.com/docs/guides/api/api-keys', [
    known('supabase-secret', 'secret key', 'sb_secret_<url 22>_<url 8>'),
    known('supabase-pat', 'personal access token', 'sbp_<hex 40>'),
    {
      id: 'supabase-service-role',
      title: 'service_role key',
      keywords: ['eyjhbgcioijiuzi1niis'],
      pattern: token('eyJhbGciOiJIUzI1NiIs[0-9A-Za-z_-]{10,40}\\.eyJ[0-9A-Za-z_-]{60,300}\\.[0-9A-Za-z_-]{43}'),
      confidence: 'high',
      check: (secret) => projectOf(secret) !== undefined,
      facts: (secret) => ({ project: projectOf(secret) ?? '' }),
      samples: () => ({
        hits: [supabase('service_role'), [`SUPABASE_KEY=${supabase('service_role')}`, supabase('service_role')]],
        misses: [supabase('anon'), supabase('service_role').slice(0, -1), `${supabase('service_role')}A`],
      }),
    },
  ]),
  ...rulesOf('Neon', 'https://neon.com/docs/manage/api-keys', [known('neon-api', 'API key', 'napi_<lower 64>')]),
  ...rulesOf('Databricks', 'https://docs.databricks.com/aws/en/dev-tools/auth/', [
    known('databricks-pat', 'personal access token', 'dapi<hex 32>'),
    known('databricks-oauth-secret', 'OAuth secret of a service principal', 'dose<hex 32>'),
  ]),
  ...rulesOf('Confluent', 'https://docs.confluent.io/cloud/current/access-management/authenticate/api-keys/', [
    known('confluent-secret', 'API secret', 'cflt<base64 60>'),
    named('confluent-legacy', 'API secret (before 2025)', ['confluent', 'cclo', 'ccloud'], '<base64 64>'),
  ]),
  ...rulesOf('Algolia', 'https://www.algolia.com/doc/guides/security/api-keys/', [
    named('algolia-admin', 'admin API key', ['algolia_admin', 'algolia_write', 'algolia'], '<hex 32>'),
  ]),
  ...rulesOf('Elastic', 'https://www.elastic.co/docs/deploy-manage/api-keys/elasticsearch-api-keys', [
    named('elastic-api', 'API key of Elasticsearch', ['elastic', 'apikey ', 'es_api'], '<base64 58>==', {
      confidence: 'high',
      pattern: beside('elastic|apikey|es_api', '[0-9A-Za-z+/]{58}=='),
      check: isElastic,
      reach: { before: 8, after: 160 },
      samples: () => ({
        hits: [
          [`elastic: ${elastic(20)}`, elastic(20)],
          [`Authorization: ApiKey ${elastic(20)}`, elastic(20)],
        ],
        misses: [elastic(20), `elastic ${elastic(19)}`, `elastic ${base64(58)}==`, `elastic ${base64(4)}${elastic(20)}`],
      }),
    }),
    known('elastic-cloud', 'API key of Elastic Cloud', 'essu_<base64 60-120>'),
  ]),
  ...rulesOf('InfluxData', 'https://docs.influxdata.com/influxdb/cloud/admin/tokens/', [
    named('influxdb-api', 'API token', ['influx'], '<url 86>=='),
  ]),
  ...rulesOf('Airtable', 'https://airtable.com/developers/web/guides/personal-access-tokens', [
    named('airtable-pat', 'personal access token', ['airtable'], 'pat<alnum 14>.<hex 64>', { confidence: 'high' }),
    named('airtable-legacy', 'API key (legacy)', ['airtable'], 'key<alnum 14>'),
  ]),
  ...rulesOf('CockroachDB', 'https://www.cockroachlabs.com/docs/cockroachcloud/cloud-api', [
    known('cockroachdb-service-account', 'API key of a service account', 'CCDB1_<alnum 22>_<alnum 40>'),
  ]),
  ...rulesOf('Aiven', 'https://aiven.io/docs/', [known('aiven-service-password', 'password of a service', 'AVNS_<url 19>')]),
  ...rulesOf('ClickHouse', 'https://clickhouse.com/docs/cloud/manage/openapi', [
    known('clickhouse-api-secret', 'key secret of ClickHouse Cloud', '4b1d<alnum 38>', { confidence: 'medium' }),
  ]),
  ...rulesOf('Xata', 'https://xata.io/docs', [known('xata-api', 'API key', 'xau_<alnum 36-50>')]),
  ...rulesOf('dbt', 'https://docs.getdbt.com/docs/dbt-cloud-apis/authentication', [
    known('dbt-service', 'service token', 'dbtc_<url 43>'),
    known('dbt-user', 'personal access token', 'dbtu_<url 43>'),
  ]),
  ...rulesOf('DataStax', 'https://docs.datastax.com/en/astra-db-serverless/administration/manage-application-tokens.html', [
    known('datastax-astra', 'application token of Astra', 'AstraCS:<alnum 24>:<hex 64>'),
  ]),
  ...rulesOf('Tinybird', 'https://www.tinybird.co/docs', [
    known('tinybird-token', 'auth token', 'p.eyJ1Ijo<url 60-300>.<url 43>'),
  ]),
  ...rulesOf('Materialize', 'https://materialize.com/docs/', [known('materialize-app-password', 'app password', 'mzp_<hex 64>')]),
  ...rulesOf('Hasura', 'https://hasura.io/docs/', [named('hasura-admin', 'admin secret', ['hasura'], '<alnum 64>')]),
  ...rulesOf('Retool', 'https://docs.retool.com/', [known('retool-api', 'API token', 'retool_<alnum 26>')]),
  ...rulesOf('Kaggle', 'https://www.kaggle.com/docs/api', [
    known('kaggle-api', 'API token', 'KGAT_<hex 32>'),
    named('kaggle-legacy', 'API key (legacy)', ['kaggle'], '<hex 32>'),
  ]),
  ...rulesOf('Appwrite', 'https://appwrite.io/docs/advanced/platform/api-keys', [
    known('appwrite-standard', 'API key', 'standard_<hex 256>'),
  ]),
  ...rulesOf('Tableau', 'https://help.tableau.com/current/server/en-us/security_personal_access_tokens.htm', [
    named('tableau-pat', 'personal access token', ['tableau'], '<base64 22>==:<alnum 32>'),
  ]),
  ...rulesOf('Metabase', 'https://www.metabase.com/docs/latest/people-and-groups/api-keys', [
    named('metabase-api', 'API key', ['metabase'], 'mb_<base64 43>='),
  ]),
  ...rulesOf('Convex', 'https://docs.convex.dev/', [
    {
      id: 'convex-deploy',
      title: 'deploy key',
      keywords: ['|eyj2mii6'],
      pattern: token('(?:prod|dev|preview|project):[0-9a-z:-]{3,80}\\|eyJ2MiI6[0-9A-Za-z+/]{20,160}={0,2}'),
      confidence: 'high',
      reach: { before: 100, after: 200 },
      samples: () => {
        const one = `prod:happy-cat-${digits(3)}|${toJson64({ v2: alnum(32) })}`
        return {
          hits: [one, [`CONVEX_DEPLOY_KEY="${one}"`, one]],
          misses: [one.replace('|', ':'), one.slice(0, 30), one.replace('prod', 'past')],
        }
      },
    },
  ]),
]
