import { readJson, toJson64 } from '../encoded.ts'
import { isStandIn } from '../likeness.ts'
import { token } from '../pattern.ts'
import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64url, lower, uuid } from '../sample.ts'

/** Vault's tokens are long texts that are no words. */
const vault = (id: string, title: string, prefix: string, least: number, most: number) =>
  known(id, title, `${prefix}<url ${least}-${most}>`, { entropy: 3.5, reach: { before: 8, after: most + 16 } })

const account = (address: string): string =>
  `ops_${toJson64({ signInAddress: address, userAuth: { method: 'SRPg-4096' }, email: `${lower(13)}@1passwordserviceaccounts.com`, muk: base64url(200), secretKey: `A3-${alnum(6)}` }, 'base64url')}`

const addressOf = (secret: string): string | undefined => {
  const address = readJson(secret.slice(4))?.signInAddress
  return typeof address === 'string' && /^[\w.-]{3,100}$/.test(address) ? address : undefined
}

const bitwarden = (key: string): string => `0.${uuid()}.${alnum(30)}:${key}==`

const doppler = (kind: string, prefix: string, title: string) => known(`doppler-${kind}`, title, `dp.${prefix}.<alnum 40-44>`)

/** Stores of secrets, and the ways to what is behind them. */
export const secretStores = [
  ...rulesOf('HashiCorp Vault', 'https://developer.hashicorp.com/vault/docs/concepts/tokens', [
    vault('vault-service', 'service token', 'hvs.', 24, 160),
    vault('vault-batch', 'batch token', 'hvb.', 100, 400),
    vault('vault-recovery', 'recovery token', 'hvr.', 24, 160),
    named('vault-legacy', 'service token (before 1.10)', ['vault'], 's.<alnum 24>'),
    named('vault-unseal', 'share of the unseal key', ['unseal'], '<base64 43>='),
  ]),
  ...rulesOf('HCP Terraform', 'https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens', [
    known('terraform-api', 'API token', '<alnum 14>.atlasv1.<alnum 60-70>', { keywords: ['.atlasv1.'] }),
  ]),
  ...rulesOf('HashiCorp Cloud', 'https://developer.hashicorp.com/hcp/docs/hcp/iam/service-principal', [
    named('hcp-client-secret', 'client secret of a service principal', ['hcp_client', 'hcp_'], '<url 64>'),
  ]),
  ...rulesOf('Consul', 'https://developer.hashicorp.com/consul/docs/security/acl/tokens', [
    named('consul-acl', 'ACL token', ['consul'], '<uuid>'),
  ]),
  ...rulesOf('Nomad', 'https://developer.hashicorp.com/nomad/docs/concepts/acl', [
    named('nomad-acl', 'ACL token', ['nomad'], '<uuid>'),
  ]),
  ...rulesOf('Doppler', 'https://docs.doppler.com/reference/auth-token-formats', [
    doppler('personal', 'pt', 'personal token'),
    doppler('cli', 'ct', 'CLI token'),
    doppler('service-account', 'sa', 'service account token'),
    doppler('scim', 'scim', 'SCIM token'),
    doppler('audit', 'audit', 'audit token'),
    {
      ...known('doppler-service', 'service token', 'dp.st.<alnum 40-44>'),
      pattern: token('dp\\.st\\.(?:[0-9a-z_-]{2,35}\\.)?[0-9A-Za-z]{40,44}'),
      samples: () => ({
        hits: [`dp.st.${alnum(43)}`, [`DOPPLER_TOKEN=dp.st.prd_eu.${alnum(43)}`, `dp.st.prd_eu.${alnum(43)}`]],
        misses: [`dp.st.${alnum(39)}`, `dp.st.prd.${alnum(45)}`, `dp.su.${alnum(43)}`, `dp.st.prd.${'x'.repeat(43)}`],
      }),
    },
  ]),
  ...rulesOf('Infisical', 'https://infisical.com/docs/documentation/platform/token', [
    named('infisical-service', 'service token', ['infisical'], 'st.<hex 24>.<hex 32>.<hex 32>'),
    named('infisical-client-secret', 'client secret of a machine identity', ['infisical'], '<hex 64>'),
  ]),
  ...rulesOf('1Password', 'https://developer.1password.com/docs/service-accounts/security/', [
    {
      id: '1password-service-account',
      title: 'service account token',
      keywords: ['ops_eyj'],
      pattern: token('ops_eyJ[0-9A-Za-z_-]{200,2000}'),
      confidence: 'high',
      reach: { before: 8, after: 2100 },
      check: (secret) => addressOf(secret) !== undefined,
      facts: (secret) => ({ account: addressOf(secret) ?? '' }),
      samples: () => ({
        hits: [
          account('acme.1password.com'),
          [`OP_SERVICE_ACCOUNT_TOKEN=${account('b.1password.eu')}\n`, account('b.1password.eu')],
        ],
        misses: [account(''), `ops_eyJ${base64url(300)}`, account('acme.1password.com').slice(0, -9)],
      }),
    },
    known('1password-secret-key', 'Secret Key', 'A3-<upper 6>-<upper 6>-<upper 5>-<upper 5>-<upper 5>-<upper 5>'),
  ]),
  ...rulesOf('Bitwarden', 'https://bitwarden.com/help/access-tokens/', [
    named('bitwarden-access', 'access token of a machine account', ['bws_', 'bitwarden'], '0.<uuid>.<alnum 30>:<base64 22>==', {
      check: (secret) => !isStandIn(secret.slice(2)),
      samples: () => ({
        hits: [
          [`BWS_ACCESS_TOKEN=${bitwarden(alnum(22))}`, bitwarden(alnum(22))],
          [`"bitwarden": {"token": "${bitwarden(alnum(22, 2))}"`, bitwarden(alnum(22, 2))],
        ],
        misses: [
          bitwarden(alnum(22)),
          `BWS_ACCESS_TOKEN=${bitwarden(alnum(21))}`,
          `bws_${bitwarden('x'.repeat(22))}`,
          `BWS_ACCESS_TOKEN=${uuid()}`,
        ],
      }),
    }),
  ]),
  ...rulesOf('Akeyless', 'https://docs.akeyless.io/', [named('akeyless-access-key', 'access key', ['akeyless'], '<base64 43>=')]),
  ...rulesOf('CyberArk Conjur', 'https://docs.cyberark.com/', [named('conjur-api', 'API key', ['conjur'], '<lower 50-56>')]),
]
