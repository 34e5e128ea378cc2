import { token } from '../pattern.ts'
import { known, named, type Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { alnum, base64, base64url, hex } from '../sample.ts'

/** A key that says which of the vendor's environments it opens. */
const inside = (environment: string, row: Row): Row => ({ ...row, facts: () => ({ environment }) })

/** Stripe's keys begin as those of Paystack (40 hex digits) and WorkOS (`key_` in base 64) do. */
const stripe = (kind: 'sk' | 'rk', environment: string, title: string): Row => {
  const prefix = `${kind}_${environment}_`
  return inside(environment, {
    ...{ id: `stripe-${title.split(' ')[0]}-key-${environment}`, title: `${title} (${environment})`, keywords: [prefix] },
    pattern: token(`${prefix}(?![0-9a-f]{40}(?![0-9A-Za-z])|a2V5Xz)[0-9A-Za-z]{24,247}`),
    confidence: 'high',
    samples: () => ({
      hits: [prefix + alnum(24), [`stripe.api_key = "${prefix}51${alnum(97)}"`, `${prefix}51${alnum(97)}`]],
      misses: [prefix + alnum(23), prefix + hex(40), `x${prefix}${alnum(24)}`, `p${prefix.slice(1)}${alnum(24)}`],
    }),
  })
}

const stripeRules = rulesOf('Stripe', 'https://docs.stripe.com/keys', [
  stripe('sk', 'live', 'secret key'),
  stripe('sk', 'test', 'secret key'),
  stripe('rk', 'live', 'restricted key'),
  stripe('rk', 'test', 'restricted key'),
  known('stripe-webhook-secret', 'signing secret of a webhook', 'whsec_<alnum 32-64>'),
])

/** The key, what it is sealed with and a last part that may have any sign in it. */
const adyen: Row = {
  ...{ id: 'adyen-api-key', title: 'API key', keywords: ['adyen'], confidence: 'high' },
  pattern:
    /(?i:adyen|api[_-]?key)[^\r\n]{0,40}?(?<secret>AQE[0-9A-Za-z+/]{60,140}={0,2}-[0-9A-Za-z+/]{30,60}={0,2}-[!#-&(-;=-_a-~]{8,24})/,
  samples: () => {
    const key = `AQE${base64(85)}==-${base64(43)}=-{%${alnum(14)}`
    return {
      hits: [[`ADYEN_API_KEY="${key}"`, key]],
      misses: [key, `ADYEN_API_KEY="${key.slice(0, 60)}"`, `ADYEN_API_KEY="AQE${base64(160)}"`],
    }
  },
}

/** The last of the 27 is a check sign, which is not always a letter. */
const checkout: Row = inside('sandbox', {
  ...{ id: 'checkout-secret-key-sandbox', title: 'secret key (sandbox)', keywords: ['sk_sbox_'], confidence: 'high' },
  pattern: token('sk_sbox_[a-z2-7]{26}[a-z2-7*#$=]'),
  samples: () => {
    const key = `sk_sbox_${alnum(26)
      .toLowerCase()
      .replace(/[0189]/g, 'q')}*`
    return { hits: [key, [`key: ${key}`, key]], misses: [key.slice(0, -1), `x${key}`, `sk_sbox_${hex(12)}!${hex(15)}`] }
  },
})

/** Who moves money: cards, accounts, subscriptions. */
export const payments: readonly Rule[] = [
  ...stripeRules,
  ...rulesOf('Square', 'https://developer.squareup.com/docs/build-basics/access-tokens', [
    known('square-application-secret', 'OAuth application secret', 'sq0csp-<url 43>'),
    known('square-personal-token', 'personal access token (legacy)', 'sq0atp-<url 22>'),
    named('square-access-token', 'access token', ['square'], 'EAAA<url 60>'),
  ]),
  ...rulesOf('PayPal', 'https://developer.paypal.com/api/rest/', [
    named('paypal-client-secret', 'client secret', ['paypal'], 'E<url 79>'),
  ]),
  ...rulesOf('Braintree', 'https://developer.paypal.com/braintree/docs/', [
    inside('production', known('braintree-access-token', 'access token', 'access_token$production$<lower 16>$<hex 32>')),
    inside(
      'sandbox',
      known('braintree-access-token-sandbox', 'access token (sandbox)', 'access_token$sandbox$<lower 16>$<hex 32>'),
    ),
    named('braintree-private-key', 'private key', ['braintree'], '<hex 32>'),
  ]),
  ...rulesOf('Adyen', 'https://docs.adyen.com/development-resources/api-credentials/', [adyen]),
  ...rulesOf('Razorpay', 'https://razorpay.com/docs/api/', [
    named('razorpay-key-secret', 'key secret', ['razorpay', 'rzp_'], '<alnum 24>'),
  ]),
  ...rulesOf('Paystack', 'https://paystack.com/docs/api/authentication/', [
    inside('live', known('paystack-secret-key-live', 'secret key (live)', 'sk_live_<hex 40>')),
    inside('test', known('paystack-secret-key-test', 'secret key (test)', 'sk_test_<hex 40>')),
  ]),
  ...rulesOf('Flutterwave', 'https://developer.flutterwave.com/docs/', [
    inside('live', known('flutterwave-secret-key-live', 'secret key (live)', 'FLWSECK-<lower 32>-X')),
    inside('test', known('flutterwave-secret-key-test', 'secret key (test)', 'FLWSECK_TEST-<lower 32>-X')),
  ]),
  ...rulesOf('Mollie', 'https://docs.mollie.com/reference/authentication', [
    inside('live', known('mollie-api-key-live', 'API key (live)', 'live_<alnum 30>', { confidence: 'medium' })),
    inside('test', named('mollie-api-key-test', 'API key (test)', ['mollie'], 'test_<alnum 30>')),
  ]),
  ...rulesOf('GoCardless', 'https://developer.gocardless.com/api-reference/', [
    inside('live', named('gocardless-token-live', 'access token (live)', ['gocardless', 'gc_access'], 'live_<url 40>')),
    inside(
      'sandbox',
      named('gocardless-token-sandbox', 'access token (sandbox)', ['gocardless', 'gc_access'], 'sandbox_<url 40>'),
    ),
  ]),
  ...rulesOf('Plaid', 'https://plaid.com/docs/api/', [
    inside('production', known('plaid-access-token', 'access token', 'access-production-<uuid>')),
    inside('sandbox', known('plaid-access-token-sandbox', 'access token (sandbox)', 'access-sandbox-<uuid>')),
    named('plaid-secret', 'API secret', ['plaid'], '<hex 30>'),
  ]),
  ...rulesOf('Checkout.com', 'https://www.checkout.com/docs/', [
    checkout,
    inside('sandbox', known('checkout-secret-key-classic', 'secret key (sandbox, classic)', 'sk_test_<uuid>')),
  ]),
  ...rulesOf('Wise', 'https://docs.wise.com/api-docs/', [
    named('wise-api-token', 'API token', ['transferwise', 'wise_', 'wise-', 'wise.'], '<uuid>', { confidence: 'low' }),
  ]),
  ...rulesOf('Revolut', 'https://developer.revolut.com/docs/', [
    named('revolut-merchant-key', 'secret key of a merchant', ['revolut'], 'sk_<url 64>'),
  ]),
  ...rulesOf('SumUp', 'https://developer.sumup.com/', [known('sumup-secret-key', 'secret key', 'sup_sk_<alnum 32>')]),
  ...rulesOf('Dwolla', 'https://developers.dwolla.com/', [
    named('dwolla-secret', 'application secret', ['dwolla'], '<alnum 50>'),
  ]),
  ...rulesOf('Xendit', 'https://docs.xendit.co/', [
    inside('production', known('xendit-secret-key', 'secret key', 'xnd_production_<alnum 40-100>')),
    inside('development', known('xendit-secret-key-test', 'secret key (test)', 'xnd_development_<alnum 40-100>')),
  ]),
  ...rulesOf('Midtrans', 'https://docs.midtrans.com/docs/api-authorization-headers', [
    known('midtrans-server-key', 'server key', 'Mid-server-<url 24>'),
  ]),
  ...rulesOf('Paddle', 'https://developer.paddle.com/api-reference/about/api-keys', [
    inside('live', known('paddle-api-key', 'API key', 'pdl_live_apikey_<lower 26>_<alnum 22>_<alnum 3>')),
    inside('sandbox', known('paddle-api-key-sandbox', 'API key (sandbox)', 'pdl_sdbx_apikey_<lower 26>_<alnum 22>_<alnum 3>')),
    known('paddle-webhook-secret', 'secret key of a notification setting', 'pdl_ntfset_<lower 26>_<base64 32>'),
  ]),
  ...rulesOf('Polar', 'https://docs.polar.sh/', [
    known('polar-organization-token', 'organization access token', 'polar_oat_<alnum 43>'),
    known('polar-personal-token', 'personal access token', 'polar_pat_<alnum 43>'),
    known('polar-webhook-secret', 'webhook secret', 'polar_whs_<alnum 43>'),
  ]),
  ...rulesOf('Chargebee', 'https://apidocs.chargebee.com/docs/api', [
    named('chargebee-api-key', 'API key (live)', ['chargebee'], 'live_<alnum 32-64>'),
    named('chargebee-api-key-test', 'API key (test)', ['chargebee'], 'test_<alnum 32-64>'),
  ]),
  ...rulesOf('Recurly', 'https://recurly.com/developers/', [
    named('recurly-api-key', 'private API key', ['recurly'], '<hex 32>'),
  ]),
  ...rulesOf('Standard Webhooks', 'https://www.standardwebhooks.com/', [
    {
      ...{ id: 'standard-webhook-secret', title: 'signing secret of a webhook', keywords: ['whsec_'], confidence: 'medium' },
      pattern: token('whsec_[0-9A-Za-z+/]{32,88}={0,2}'),
      check: (secret) => /[+/=]/.test(secret) && Buffer.from(secret.slice(6), 'base64').length >= 24,
      samples: () => ({
        hits: [`whsec_${base64(42)}+=`, [`secret: "whsec_/${base64(31)}"`, `whsec_/${base64(31)}`]],
        misses: [`whsec_${base64(30)}+`, `whsec_${alnum(32)}`, `whsec_${base64url(20)}`],
      }),
    },
  ]),
]
