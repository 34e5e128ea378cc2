import { token } from '../pattern.ts'
import { following, known, named, type Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { base64url, hex } from '../sample.ts'

const shopify = (prefix: string, id: string, title: string): Row => known(`shopify-${id}`, title, `${prefix}_<anyhex 32>`)

/** `IST.` before a JWT: a key of an account's programs. */
const wix: Row = {
  ...{ id: 'wix-api', title: 'API key', keywords: ['ist.eyj'], confidence: 'high', reach: { before: 8, after: 1500 } },
  pattern: token('IST\\.eyJ[0-9A-Za-z_-]{10,200}\\.eyJ[0-9A-Za-z_-]{20,900}\\.[0-9A-Za-z_-]{80,400}'),
  samples: () => {
    const jwt = `eyJ${base64url(33)}.eyJ${base64url(180)}.${base64url(342)}`
    return {
      hits: [`IST.${jwt}`, [`Authorization: IST.${jwt}`, `IST.${jwt}`]],
      misses: [jwt, `IST.${jwt.slice(0, 120)}`, `xIST.${jwt}`],
    }
  },
}

/** `Atzr|…` is as long as what it grants. */
const amazonSeller = (letter: string, id: string, title: string): Row =>
  known(id, title, `Atz${letter}|<url 200-1800>`, { reach: { before: 8, after: 2000 } })

/** Shops, parcels and travel. */
export const commerce: readonly Rule[] = [
  ...rulesOf('Shopify', 'https://shopify.dev/docs/apps/build/authentication-authorization', [
    shopify('shpat', 'admin-token', 'Admin API access token'),
    shopify('shpca', 'custom-app-token', 'access token of a custom app'),
    shopify('shppa', 'private-app-token', 'access token of a private app'),
    shopify('shpss', 'shared-secret', 'shared secret of an app'),
    shopify('shpua', 'user-token', 'access token of a user'),
    shopify('shptka', 'theme-token', 'Theme Access password'),
    shopify('prtapi', 'partner-token', 'Partner API token'),
  ]),
  ...rulesOf('EasyPost', 'https://docs.easypost.com/docs/authentication', [
    known('easypost-api', 'API key', 'EZAK<alnum 54>'),
    known('easypost-api-test', 'API key (test)', 'EZTK<alnum 54>'),
  ]),
  ...rulesOf('Shippo', 'https://docs.goshippo.com/', [
    known('shippo-token-live', 'API token (live)', 'shippo_live_<hex 40>'),
    known('shippo-token-test', 'API token (test)', 'shippo_test_<hex 40>'),
  ]),
  ...rulesOf('Lob', 'https://docs.lob.com/', [
    known('lob-api-live', 'API key (live)', 'live_<hex 35>', { confidence: 'medium' }),
    named('lob-api-test', 'API key (test)', ['lob_', 'lob-'], 'test_<hex 35>'),
  ]),
  ...rulesOf('AfterShip', 'https://www.aftership.com/docs/', [known('aftership-api', 'API key', 'asat_<hex 32>')]),
  ...rulesOf('ShipStation', 'https://docs.shipstation.com/', [
    named('shipstation-api', 'API key or secret', ['shipstation'], '<hex 32>'),
  ]),
  ...rulesOf('ShipEngine', 'https://www.shipengine.com/docs/', [
    named('shipengine-api', 'API key', ['shipengine'], '<base64 43>'),
  ]),
  ...rulesOf('Sendcloud', 'https://api.sendcloud.dev/docs/', [
    named('sendcloud-secret', 'API key or secret', ['sendcloud'], '<hex 32>'),
  ]),
  ...rulesOf('FedEx', 'https://developer.fedex.com/', [named('fedex-secret', 'secret key', ['fedex'], '<hex 32>')]),
  ...rulesOf('UPS', 'https://developer.ups.com/', [
    named('ups-client-secret', 'client secret', ['ups_client', 'ups_api', 'ups_oauth'], '<alnum 64>', { samples: upsSamples }),
  ]),
  ...rulesOf('BigCommerce', 'https://developer.bigcommerce.com/docs/start/authentication', [
    named('bigcommerce-token', 'access token', ['bigcommerce'], '<lower 31>'),
  ]),
  ...rulesOf('WooCommerce', 'https://woocommerce.github.io/woocommerce-rest-api-docs/', [
    named('woocommerce-secret', 'consumer secret', ['woocommerce', 'woo_', 'wc_'], 'cs_<hex 40>'),
  ]),
  ...rulesOf('Etsy', 'https://developers.etsy.com/documentation/', [
    named('etsy-keystring', 'keystring', ['etsy_', 'etsy-', 'etsy.', 'etsyapi'], '<lower 24>'),
  ]),
  ...rulesOf('eBay', 'https://developer.ebay.com/api-docs/static/creating-edp-account.html', [
    known('ebay-cert-id', 'client secret', 'PRD-<hex 12>-<hex 4>-<hex 4>-<hex 4>-<hex 4>'),
    known('ebay-cert-id-sandbox', 'client secret (sandbox)', 'SBX-<hex 12>-<hex 4>-<hex 4>-<hex 4>-<hex 4>'),
  ]),
  ...rulesOf('Amazon Selling Partner', 'https://developer-docs.amazon.com/sp-api/', [
    known('amazon-mws-token', 'authorization token of a seller (MWS)', 'amzn.mws.<uuid>'),
    known('amazon-login-secret', 'client secret of Login with Amazon', 'amzn1.oa2-cs.v1.<hex 64>'),
    amazonSeller('r', 'amazon-login-refresh', 'refresh token of Login with Amazon'),
    amazonSeller('a', 'amazon-login-access', 'access token of Login with Amazon'),
  ]),
  ...rulesOf('Wix', 'https://dev.wix.com/docs/', [wix]),
  ...rulesOf('Squarespace', 'https://developers.squarespace.com/', [
    named('squarespace-api', 'API key', ['squarespace'], '<uuid>'),
  ]),
  ...rulesOf('Gumroad', 'https://gumroad.com/api', [named('gumroad-token', 'access token', ['gumroad'], '<url 43>')]),
  ...rulesOf('Ecwid', 'https://docs.ecwid.com/', [named('ecwid-token', 'secret token', ['ecwid'], 'secret_<alnum 32>')]),
  ...rulesOf('commercetools', 'https://docs.commercetools.com/', [
    named('commercetools-secret', 'client secret', ['commercetools', 'ctp_'], '<url 32>'),
  ]),
  ...rulesOf('Medusa', 'https://docs.medusajs.com/', [named('medusa-secret-key', 'secret API key', ['medusa'], 'sk_<hex 64>')]),
  ...rulesOf('RevenueCat', 'https://www.revenuecat.com/docs/', [
    named('revenuecat-secret-key', 'secret API key', ['revenuecat'], 'sk_<alnum 28>'),
  ]),
  ...rulesOf('Printful', 'https://developers.printful.com/docs/', [
    named('printful-token', 'private token', ['printful'], '<alnum 40>'),
  ]),
  ...rulesOf('Duffel', 'https://duffel.com/docs/', [
    known('duffel-token-live', 'access token (live)', 'duffel_live_<url 43>'),
    known('duffel-token-test', 'access token (test)', 'duffel_test_<url 43>'),
  ]),
  ...rulesOf('Amadeus', 'https://developers.amadeus.com/', [
    named('amadeus-secret', 'API secret', ['amadeus'], '<alnum 16>', { confidence: 'low' }),
  ]),
  ...rulesOf('aviationstack', 'https://aviationstack.com/documentation', [
    named('aviationstack-api', 'access key', ['aviationstack'], '<hex 32>'),
  ]),
  ...rulesOf('FlightAware', 'https://www.flightaware.com/aeroapi/portal/documentation', [
    named('flightaware-api', 'AeroAPI key', ['flightaware', 'aeroapi'], '<alnum 32>'),
  ]),
  ...rulesOf('Zapier', 'https://docs.zapier.com/', [
    following('zapier-webhook', 'webhook of a Zap', 'hooks.zapier.com/hooks/catch/', '<digits 5-9>/<lower 6-7>'),
  ]),
  ...rulesOf('Make', 'https://developers.make.com/', [
    following('make-webhook', 'webhook', '.make.com/', '<lower 32>', { keywords: ['.make.com/'] }),
  ]),
  ...rulesOf('IFTTT', 'https://ifttt.com/docs', [
    following('ifttt-webhook', 'key of Webhooks', '/with/key/', '<url 22-43>', { samples: iftttSamples }),
  ]),
]

function upsSamples() {
  const value = base64url(64).replace(/[_-]/g, 'b')
  return {
    hits: [[`UPS_CLIENT_SECRET=${value}`, value] as const],
    misses: [`UPS_CLIENT_SECRET=${value}a`, `UPS_CLIENT_SECRET=${value.slice(1)}`, `groups_client_secret=${value}`],
  }
}

function iftttSamples() {
  const [key, address] = [base64url(22), 'https://maker.ifttt.com/trigger/rain/with/key/']
  return { hits: [[`${address}${key}`, key] as const], misses: [address, `${address}${hex(12)}`, key] }
}
