import { known, named } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'

/** Who measures what people do, and asks them back. */
export const growth: readonly Rule[] = [
  ...rulesOf('Segment', 'https://segment.com/docs/', [
    known('segment-public-api-token', 'Public API token', 'sgp_<alnum 64>'),
    named('segment-write-key', 'write key', ['segment_', 'segment-', 'segmentio'], '<alnum 32>', { confidence: 'low' }),
  ]),
  ...rulesOf('Amplitude', 'https://amplitude.com/docs/apis', [
    named('amplitude-key', 'API or secret key', ['amplitude'], '<hex 32>'),
  ]),
  ...rulesOf('Mixpanel', 'https://developer.mixpanel.com/', [
    named('mixpanel-secret', 'API secret or token', ['mixpanel'], '<hex 32>'),
  ]),
  ...rulesOf('Optimizely', 'https://docs.developers.optimizely.com/', [
    named('optimizely-token', 'personal access token', ['optimizely'], '2:<url 43-60>'),
  ]),
  ...rulesOf('Customer.io', 'https://docs.customer.io/', [
    named('customerio-key', 'API key', ['customerio', 'customer_io', 'customer.io'], '<hex 32>'),
    named('customerio-track-key', 'key of the Track API', ['customerio', 'customer_io', 'customer.io'], '<hex 20>'),
  ]),
  ...rulesOf('Klaviyo', 'https://developers.klaviyo.com/', [
    named('klaviyo-private-key', 'private API key', ['klaviyo'], 'pk_<hex 34>'),
  ]),
  ...rulesOf('Iterable', 'https://support.iterable.com/', [
    named('iterable-key', 'API key', ['iterable_', 'iterableapi'], '<hex 32>'),
  ]),
  ...rulesOf('Braze', 'https://www.braze.com/docs/api/', [named('braze-key', 'REST API key', ['braze'], '<uuid>')]),
  ...rulesOf('Branch', 'https://help.branch.io/', [
    known('branch-secret-live', 'secret (live)', 'secret_live_<alnum 32>'),
    known('branch-secret-test', 'secret (test)', 'secret_test_<alnum 32>', { confidence: 'medium' }),
  ]),
  ...rulesOf('ChartMogul', 'https://dev.chartmogul.com/', [named('chartmogul-key', 'API key', ['chartmogul'], '<hex 32>')]),
  ...rulesOf('Pendo', 'https://engageapi.pendo.io/', [
    named('pendo-key', 'integration key', ['pendo_', 'pendo-', 'pendo.'], '<uuid>'),
  ]),
  ...rulesOf('RudderStack', 'https://www.rudderstack.com/docs/', [
    named('rudderstack-key', 'write key', ['rudderstack', 'rudder_'], '<alnum 27>'),
  ]),
  ...rulesOf('Matomo', 'https://developer.matomo.org/', [named('matomo-token', 'auth token', ['matomo', 'piwik'], '<hex 32>')]),
  ...rulesOf('Plausible', 'https://plausible.io/docs', [named('plausible-key', 'API key', ['plausible'], '<url 64>')]),
  ...rulesOf('Countly', 'https://support.countly.com/', [named('countly-key', 'app key', ['countly'], '<hex 40>')]),
  ...rulesOf('Semrush', 'https://developer.semrush.com/', [named('semrush-key', 'API key', ['semrush'], '<hex 32>')]),
  ...rulesOf('Moz', 'https://moz.com/help/', [
    known('moz-access-id', 'access id', 'mozscape-<alnum 10>', { confidence: 'medium' }),
  ]),
  ...rulesOf('Ahrefs', 'https://docs.ahrefs.com/', [named('ahrefs-key', 'API key', ['ahrefs'], '<url 40>')]),
  ...rulesOf('GrowthBook', 'https://docs.growthbook.io/', [
    named('growthbook-key', 'secret key', ['growthbook'], 'secret_<alnum 30-60>'),
  ]),
  ...rulesOf('Split', 'https://help.split.io/', [
    named('split-key', 'API key', ['split_', 'splitio', 'split.io'], '<lower 36-52>', { confidence: 'low', entropy: 3.5 }),
  ]),
  ...rulesOf('Strava', 'https://developers.strava.com/docs/', [
    named('strava-secret', 'client secret or token', ['strava'], '<hex 40>'),
  ]),
  ...rulesOf('Fitbit', 'https://dev.fitbit.com/build/reference/web-api/', [
    named('fitbit-secret', 'client secret', ['fitbit'], '<hex 32>'),
  ]),
  ...rulesOf('Withings', 'https://developer.withings.com/', [
    named('withings-secret', 'client secret', ['withings'], '<hex 64>'),
  ]),
  ...rulesOf('WHOOP', 'https://developer.whoop.com/', [named('whoop-secret', 'client secret', ['whoop_', 'whoop-'], '<hex 64>')]),
  ...rulesOf('Oura', 'https://cloud.ouraring.com/docs/', [
    named('oura-token', 'personal access token', ['oura_', 'ouraring'], '<base32 32>'),
  ]),
  ...rulesOf('Samsara', 'https://developers.samsara.com/', [known('samsara-token', 'API token', 'samsara_api_<alnum 30>')]),
  ...rulesOf('Particle', 'https://docs.particle.io/', [
    named('particle-token', 'access token', ['particle_', 'particle-', 'particleio'], '<hex 40>'),
  ]),
  ...rulesOf('Adafruit IO', 'https://io.adafruit.com/api/docs/', [
    known('adafruit-io-key', 'key', 'aio_<alnum 28>', { keywords: ['aio_'] }),
  ]),
  ...rulesOf('ThingSpeak', 'https://www.mathworks.com/help/thingspeak/', [
    named('thingspeak-key', 'API key', ['thingspeak'], '<upper 16>'),
  ]),
  ...rulesOf('Blynk', 'https://docs.blynk.io/', [named('blynk-token', 'auth token', ['blynk'], '<url 32>')]),
  ...rulesOf('Ubidots', 'https://docs.ubidots.com/', [
    known('ubidots-token', 'token', 'BBFF-<alnum 30>'),
    known('ubidots-token-us', 'token (industrial)', 'BBUS-<alnum 30>'),
  ]),
  ...rulesOf('balena', 'https://docs.balena.io/', [named('balena-key', 'API key', ['balena'], '<alnum 32>')]),
  ...rulesOf('Tuya', 'https://developer.tuya.com/', [named('tuya-secret', 'access secret', ['tuya'], '<hex 32>')]),
  ...rulesOf('SmartThings', 'https://developer.smartthings.com/docs/', [
    named('smartthings-token', 'personal access token', ['smartthings'], '<uuid>'),
  ]),
]
