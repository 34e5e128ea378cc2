import { known } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { base64, hex } from '../sample.ts'

/** As JSON has it, with its line ends as `\\n`. */
const PEM = '-----BEGIN PRIVATE KEY-----[0-9A-Za-z+/=\\\\]{1000,4000}-----END PRIVATE KEY-----(?:\\\\n)?'

const pem = (seed: number) => `-----BEGIN PRIVATE KEY-----\\n${base64(1600, seed)}\\n-----END PRIVATE KEY-----\\n`
const account = (key: string, type = 'service_account') =>
  `{"type": "${type}", "project_id": "p", "private_key_id": "${hex(40)}", "private_key": "${key}", "client_email": "a@p.example"}`

/** Keys and tokens of Google. */
export const google = rulesOf('Google', 'https://cloud.google.com/docs/authentication', [
  known('google-api-key', 'API key', 'AIza<url 35>', { source: 'https://cloud.google.com/docs/authentication/api-keys' }),
  known('google-oauth-client-secret', 'OAuth client secret', 'GOCSPX-<url 28>'),
  known('google-oauth-access', 'OAuth access token', 'ya29.<url 40-1000>', { reach: { before: 8, after: 1100 } }),
  known('google-oauth-refresh', 'OAuth refresh token', '1//0<url 40-200>'),
  known('google-hmac-service-account', 'HMAC access ID of a service account', 'GOOG1E<upper 55>'),
  known('google-fcm-server-key', 'Firebase Cloud Messaging server key', 'AAAA<url 7>:APA91b<url 134>', {
    keywords: [':apa91b'],
    source: 'https://firebase.google.com/docs/cloud-messaging',
  }),
  {
    id: 'google-service-account',
    title: 'private key of a service account',
    source: 'https://cloud.google.com/iam/docs/keys-create-delete',
    keywords: ['"service_account"'],
    pattern: new RegExp(`"type"\\s{0,4}:\\s{0,4}"service_account"[^{}]{20,400}"private_key"\\s{0,4}:\\s{0,4}"(?<secret>${PEM})"`),
    confidence: 'high',
    reach: { before: 20, after: 5000 },
    samples: () => ({
      hits: [[account(pem(1)), pem(1)]],
      misses: [account(pem(1), 'authorized_user'), account('-----BEGIN PRIVATE KEY-----\\n-----END PRIVATE KEY-----\\n'), pem(1)],
    }),
  },
])
