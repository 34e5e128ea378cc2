import { token } from '../pattern.ts'
import { known, named, type Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { alnum, base64, base64url, hex } from '../sample.ts'

/** Base 64 of `key_…,…`: the id of the key, and the secret. */
const workos = (environment: string): Row => ({
  ...{
    id: `workos-api-key-${environment}`,
    title: `API key (${environment})`,
    keywords: [`sk_${environment}_a2v5`],
    confidence: 'high',
  },
  pattern: token(`sk_${environment}_a2V5Xz[0-9A-Za-z]{30,150}`),
  check: (secret) => /^key_[0-9A-Z]{26}/.test(Buffer.from(secret.slice(8), 'base64').toString('latin1')),
  facts: () => ({ environment }),
  samples: () => {
    const secret = `sk_${environment}_${Buffer.from(`key_01${hex(24).toUpperCase()},${alnum(25)}`)
      .toString('base64')
      .replace(/=/g, '')}`
    return {
      hits: [secret, [`apiKey: '${secret}'`, secret]],
      misses: [secret.slice(0, 30), `sk_${environment}_a2V5Xz${alnum(60)}`, `x${secret}`],
    }
  },
})

/** As Stripe's keys begin, so that the name has to stand beside it. */
const clerk = (environment: string): Row =>
  named(`clerk-secret-key-${environment}`, `secret key (${environment})`, ['clerk'], `sk_${environment}_<alnum 40-50>`, {
    confidence: 'high',
    facts: () => ({ environment }),
  })

const stytch = (environment: string): Row => ({
  ...{
    id: `stytch-secret-${environment}`,
    title: `project secret (${environment})`,
    keywords: [`secret-${environment}-`],
    confidence: 'high',
  },
  pattern: token(`secret-${environment}-[0-9A-Za-z_-]{32,48}={0,2}`),
  facts: () => ({ environment }),
  samples: () => {
    const secret = `secret-${environment}-${base64url(43)}=`
    return {
      hits: [secret, [`STYTCH_SECRET=${secret}`, secret]],
      misses: [`secret-${environment}-${base64url(31)}`, `x${secret}`, `secret-live-${'x'.repeat(43)}`],
    }
  },
})

const sumsub = (environment: string): Row =>
  known(`sumsub-token-${environment}`, `app token (${environment})`, `${environment}:<alnum 24>.<alnum 32>`)

/** Signing in, and knowing who it is. */
export const identity: readonly Rule[] = [
  ...rulesOf('Okta', 'https://developer.okta.com/docs/guides/create-an-api-token/main/', [
    named('okta-api-token', 'API token', ['okta'], '00<url 40>'),
    {
      ...{ id: 'okta-ssws', title: 'API token in a header', keywords: ['ssws '], confidence: 'high' },
      pattern: /\bSSWS (?<secret>00[0-9A-Za-z_-]{40})(?![0-9A-Za-z_-])/,
      samples: () => ({
        hits: [[`Authorization: SSWS 00${base64url(40)}`, `00${base64url(40)}`]],
        misses: [`Authorization: SSWS 00${base64url(39)}`, `SSWS 11${base64url(40)}`, `00${base64url(40)}`],
      }),
    },
  ]),
  ...rulesOf('Auth0', 'https://auth0.com/docs/get-started/applications', [
    named('auth0-client-secret', 'client secret', ['auth0'], '<url 64>'),
  ]),
  ...rulesOf('Clerk', 'https://clerk.com/docs/', [clerk('live'), clerk('test')]),
  ...rulesOf('WorkOS', 'https://workos.com/docs/reference', [workos('live'), workos('test')]),
  ...rulesOf('Stytch', 'https://stytch.com/docs/api', [stytch('live'), stytch('test')]),
  ...rulesOf('Duo', 'https://duo.com/docs/adminapi', [named('duo-secret-key', 'secret key', ['duo_', 'duosec'], '<alnum 40>')]),
  ...rulesOf('OneLogin', 'https://developers.onelogin.com/', [
    named('onelogin-client-secret', 'client secret', ['onelogin'], '<hex 64>'),
  ]),
  ...rulesOf('JumpCloud', 'https://docs.jumpcloud.com/api/', [
    known('jumpcloud-api-key', 'API key', 'jca_<alnum 36>'),
    named('jumpcloud-api-key-classic', 'API key (classic)', ['jumpcloud'], '<hex 40>'),
  ]),
  ...rulesOf('Keycloak', 'https://www.keycloak.org/documentation', [
    named('keycloak-client-secret', 'client secret', ['keycloak'], '<alnum 32>'),
  ]),
  ...rulesOf('FusionAuth', 'https://fusionauth.io/docs/', [named('fusionauth-api-key', 'API key', ['fusionauth'], '<url 64>')]),
  ...rulesOf('PropelAuth', 'https://docs.propelauth.com/', [named('propelauth-api-key', 'API key', ['propelauth'], '<hex 160>')]),
  ...rulesOf('Persona', 'https://docs.withpersona.com/', [
    known('persona-api-key', 'API key', 'persona_production_<uuid>'),
    known('persona-api-key-sandbox', 'API key (sandbox)', 'persona_sandbox_<uuid>'),
  ]),
  ...rulesOf('Onfido', 'https://documentation.onfido.com/', [
    {
      ...{ id: 'onfido-api-token', title: 'API token', keywords: ['api_live', 'api_sandbox'], confidence: 'high' },
      pattern: token('api_(?:live|sandbox)(?:_(?:us|ca))?\\.[0-9A-Za-z_-]{11}\\.[0-9A-Za-z_-]{32}'),
      samples: () => ({
        hits: [`api_live.${base64url(11)}.${base64url(32)}`, `api_sandbox_us.${base64url(11)}.${base64url(32)}`],
        misses: [
          `api_live.${base64url(11)}.${base64url(31)}`,
          `api_live.${base64url(11)}.${base64url(33)}`,
          `api_live_de.${base64url(11)}.${base64url(32)}`,
        ],
      }),
    },
  ]),
  ...rulesOf('Sumsub', 'https://docs.sumsub.com/', [sumsub('prd'), sumsub('sbx')]),
  ...rulesOf('hCaptcha', 'https://docs.hcaptcha.com/', [
    named('hcaptcha-secret', 'account secret', ['hcaptcha'], 'ES_<hex 32>'),
    named('hcaptcha-secret-classic', 'account secret (classic)', ['hcaptcha'], '0x<anyhex 40>'),
  ]),
  ...rulesOf('Fingerprint', 'https://dev.fingerprint.com/', [
    named('fingerprint-secret-key', 'secret API key', ['fingerprintjs', 'fpjs'], '<alnum 20>'),
  ]),
  ...rulesOf('Riot Games', 'https://developer.riotgames.com/docs/portal', [known('riot-api-key', 'API key', 'RGAPI-<uuid>')]),
  ...rulesOf('Steam', 'https://partner.steamgames.com/doc/webapi_overview/auth', [
    named('steam-web-api-key', 'Web API key', ['steam_', 'steam-', 'steamapi', 'steamweb'], '<HEX 32>', {
      samples: () => ({
        hits: [[`STEAM_API_KEY=${hex(32).toUpperCase()}`, hex(32).toUpperCase()]],
        misses: [
          `STEAM_API_KEY=${hex(31).toUpperCase()}`,
          `STEAM_API_KEY=${hex(32)}g`,
          `stream_api_key=${hex(32).toUpperCase()}`,
          base64(32),
        ],
      }),
    }),
  ]),
]
