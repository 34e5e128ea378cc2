import { token } from '../pattern.ts'
import { following, known, named, type Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { alnum, base64url, digits, hex, upper } from '../sample.ts'

/** A header without algorithm, whose account, and the MAC: `sk.` is a secret token, `tk.` one for an hour, `pk.` public. */
const mapbox = (kind: string, id: string, title: string): Row => ({
  ...{ id, title, keywords: [`${kind}.eyj`], confidence: 'high' },
  pattern: token(`${kind}\\.eyJ[0-9A-Za-z_-]{30,300}\\.[0-9A-Za-z_-]{22}`),
  check: (secret) => accountOf(secret) !== undefined,
  facts: (secret) => ({ account: accountOf(secret) ?? '' }),
  samples: () => {
    const body = Buffer.from(`{"u":"acme","a":"cl${alnum(23).toLowerCase()}"}`).toString('base64url')
    const secret = `${kind}.${body}.${base64url(22)}`
    return {
      hits: [secret, [`access_token=${secret}`, secret]],
      misses: [`pk${secret.slice(2)}`, secret.slice(0, -1), `${kind}.eyJ${base64url(60)}.${base64url(22)}`],
    }
  },
})

function accountOf(secret: string): string | undefined {
  const body = Buffer.from(secret.split('.')[1] ?? '', 'base64url').toString('latin1')
  return /^\{"u":"([0-9A-Za-z_-]{1,60})","a":"[0-9a-z]{1,40}"/.exec(body)?.[1]
}

/** Hex digits with marks between them, as nothing else has. */
const rapidapi: Row = {
  ...{ id: 'rapidapi-key', title: 'application key', keywords: ['jsn'], confidence: 'high', reach: { before: 48, after: 24 } },
  pattern: token('[0-9a-f]{10}msh[0-9a-f]{15}p1[0-9a-f]{5,6}jsn[0-9a-f]{12}'),
  samples: () => {
    const key = `${hex(10)}msh${hex(15)}p1${hex(5)}jsn${hex(12)}`
    return {
      hits: [key, [`"X-RapidAPI-Key": "${key}"`, key]],
      misses: [key.slice(0, -1), key.slice(1), key.replace('jsn', 'jsx'), `${key}0`],
    }
  },
}

/** What the site itself warns of stands before it. */
const roblox: Row = {
  ...{
    id: 'roblox-cookie',
    title: 'cookie of a signed-in user',
    keywords: ['_|warning:-do-not-share-this.'],
    confidence: 'high',
  },
  pattern: /(?<secret>_\|WARNING:-DO-NOT-SHARE-THIS\.[0-9A-Za-z.,-]{50,160}\|_[0-9A-F]{100,1500})(?![0-9A-Za-z])/,
  reach: { before: 8, after: 1800 },
  samples: () => {
    const warning = `_|WARNING:-DO-NOT-SHARE-THIS.--${'Who-has-this-is-you.'.repeat(4)}|_`
    const cookie = warning + hex(700).toUpperCase()
    return {
      hits: [cookie, [`.ROBLOSECURITY=${cookie};`, cookie]],
      misses: [warning, warning + hex(90).toUpperCase(), hex(700).toUpperCase()],
    }
  },
}

const META = ['facebook', 'instagram', 'whatsapp', 'fb_', 'meta_']

/** Maps, pictures, sound, film and those who follow each other. */
export const media: readonly Rule[] = [
  ...rulesOf('Mapbox', 'https://docs.mapbox.com/accounts/guides/tokens/', [
    mapbox('sk', 'mapbox-secret-token', 'secret access token'),
    mapbox('tk', 'mapbox-temporary-token', 'temporary access token'),
  ]),
  ...rulesOf('HERE', 'https://www.here.com/docs/', [
    named('here-api-key', 'API key', ['here_', 'heremaps', 'here-maps', 'here.com'], '<url 43>', { samples: hereSamples }),
  ]),
  ...rulesOf('TomTom', 'https://developer.tomtom.com/', [named('tomtom-key', 'API key', ['tomtom'], '<alnum 32>')]),
  ...rulesOf('MapTiler', 'https://docs.maptiler.com/', [named('maptiler-key', 'API key', ['maptiler'], '<alnum 20>')]),
  ...rulesOf('LocationIQ', 'https://docs.locationiq.com/', [
    named('locationiq-token', 'access token', ['locationiq'], 'pk.<hex 32>'),
  ]),
  ...rulesOf('OpenCage', 'https://opencagedata.com/api', [named('opencage-key', 'API key', ['opencage'], '<hex 32>')]),
  ...rulesOf('Geoapify', 'https://apidocs.geoapify.com/', [named('geoapify-key', 'API key', ['geoapify'], '<hex 32>')]),
  ...rulesOf('Geocodio', 'https://www.geocod.io/docs/', [named('geocodio-key', 'API key', ['geocodio'], '<hex 39>')]),
  ...rulesOf('Esri', 'https://developers.arcgis.com/documentation/security-and-authentication/', [
    known('arcgis-api-key', 'API key', 'AAPK<url 100-200>', { confidence: 'medium' }),
    known('arcgis-token', 'access token', 'AAPT<url 100-400>', { confidence: 'medium' }),
  ]),
  ...rulesOf('Radar', 'https://radar.com/documentation/', [
    known('radar-secret-live', 'secret key (live)', 'prj_live_sk_<hex 40>'),
    known('radar-secret-test', 'secret key (test)', 'prj_test_sk_<hex 40>'),
  ]),
  ...rulesOf('Foursquare', 'https://docs.foursquare.com/', [known('foursquare-key', 'API key', 'fsq3<base64 43>=')]),
  ...rulesOf('Yelp', 'https://docs.developer.yelp.com/', [named('yelp-key', 'API key', ['yelp'], '<url 128>')]),
  ...rulesOf('OpenWeather', 'https://openweathermap.org/appid', [
    named('openweather-key', 'API key', ['openweather', 'owm_'], '<hex 32>'),
  ]),
  ...rulesOf('WeatherAPI', 'https://www.weatherapi.com/docs/', [
    named('weatherapi-key', 'API key', ['weatherapi', 'weather_'], '<hex 31>'),
  ]),
  ...rulesOf('Weatherbit', 'https://www.weatherbit.io/api', [named('weatherbit-key', 'API key', ['weatherbit'], '<hex 32>')]),
  ...rulesOf('X', 'https://docs.x.com/', [
    named('x-bearer-token', 'bearer token of an app', ['twitter', 'x_bearer'], `${'A'.repeat(22)}<alnum 70-100>`, {
      samples: bearerSamples,
      pattern: bearerPattern(),
    }),
    named('x-access-token', 'access token of a user', ['twitter'], '<digits 9-19>-<alnum 40>'),
    named('x-api-secret', 'API secret of an app', ['twitter'], '<alnum 50>'),
    named('x-access-token-secret', 'access token secret', ['twitter'], '<alnum 45>'),
  ]),
  ...rulesOf('Meta', 'https://developers.facebook.com/docs/facebook-login/guides/access-tokens', [
    named('meta-access-token', 'access token', META, 'EAA<alnum 90-400>', { confidence: 'high' }),
    following('meta-access-token-in-address', 'access token in an address', 'access_token=EAA', '<alnum 90-400>'),
    named('meta-app-token', 'access token of an app', META, '<digits 13-17>|<url 27>'),
    named('meta-app-secret', 'secret of an app', META, '<hex 32>'),
    known('instagram-access-token', 'access token (Instagram)', 'IGAA<alnum 100-400>'),
    known('instagram-access-token-basic', 'access token (Instagram Basic Display)', 'IGQV<url 100-400>'),
  ]),
  ...rulesOf('LinkedIn', 'https://learn.microsoft.com/en-us/linkedin/', [
    known('linkedin-client-secret', 'client secret', 'WPL_AP1.<alnum 16>.<base64 6>==', { keywords: ['wpl_ap1.'] }),
    named('linkedin-client-secret-classic', 'client secret (classic)', ['linkedin'], '<alnum 16>'),
    named('linkedin-access-token', 'access token', ['linkedin'], 'AQ<url 200-500>', { reach: { before: 64, after: 700 } }),
  ]),
  ...rulesOf('TikTok', 'https://developers.tiktok.com/doc/', [
    named('tiktok-client-secret', 'client secret', ['tiktok'], '<alnum 32>'),
  ]),
  ...rulesOf('Twitch', 'https://dev.twitch.tv/docs/authentication/', [
    named('twitch-secret', 'client secret or access token', ['twitch'], '<lower 30>'),
    known('twitch-chat-token', 'access token in a chat program', 'oauth:<lower 30>', { confidence: 'medium' }),
  ]),
  ...rulesOf('Spotify', 'https://developer.spotify.com/documentation/web-api', [
    named('spotify-client-secret', 'client secret', ['spotify'], '<hex 32>'),
  ]),
  ...rulesOf('Vimeo', 'https://developer.vimeo.com/api/authentication', [
    named('vimeo-token', 'access token', ['vimeo'], '<hex 32>'),
  ]),
  ...rulesOf('Mux', 'https://docs.mux.com/', [named('mux-token-secret', 'token secret', ['mux_', 'mux-'], '<base64 75>')]),
  ...rulesOf('Cloudinary', 'https://cloudinary.com/documentation/', [
    {
      ...{ id: 'cloudinary-address', title: 'address with the API secret', keywords: ['cloudinary://'], confidence: 'high' },
      pattern: /cloudinary:\/\/[0-9]{12,16}:(?<secret>[0-9A-Za-z_-]{27})@[0-9a-z_-]{1,80}/,
      samples: () => ({
        hits: [[`cloudinary://${digits(15)}:${base64url(27)}@acme`, base64url(27)]],
        misses: [
          `cloudinary://${digits(15)}:${base64url(26)}@acme`,
          `cloudinary://${digits(15)}:\${SECRET}@acme`,
          `cloudinary://${digits(15)}@acme`,
        ],
      }),
    },
    named('cloudinary-api-secret', 'API secret', ['cloudinary'], '<url 27>'),
  ]),
  ...rulesOf('Unsplash', 'https://unsplash.com/documentation', [
    named('unsplash-key', 'access or secret key', ['unsplash'], '<url 43>'),
  ]),
  ...rulesOf('Pexels', 'https://www.pexels.com/api/documentation/', [named('pexels-key', 'API key', ['pexels'], '<alnum 56>')]),
  ...rulesOf('Pixabay', 'https://pixabay.com/api/docs/', [named('pixabay-key', 'API key', ['pixabay'], '<digits 7-8>-<hex 25>')]),
  ...rulesOf('ImageKit', 'https://imagekit.io/docs/', [
    named('imagekit-key', 'private API key', ['imagekit'], 'private_<base64 27>='),
  ]),
  ...rulesOf('Uploadcare', 'https://uploadcare.com/docs/', [
    named('uploadcare-secret', 'secret key', ['uploadcare'], '<hex 20>'),
  ]),
  ...rulesOf('Giphy', 'https://developers.giphy.com/docs/', [named('giphy-key', 'API key', ['giphy'], '<alnum 32>')]),
  ...rulesOf('Reddit', 'https://github.com/reddit-archive/reddit/wiki/OAuth2', [
    named('reddit-secret', 'secret of an app', ['reddit'], '<url 27-30>'),
  ]),
  ...rulesOf('Pinterest', 'https://developers.pinterest.com/docs/', [
    known('pinterest-token', 'access token', 'pina_<upper 32-120>'),
  ]),
  ...rulesOf('Tumblr', 'https://www.tumblr.com/docs/en/api/v2', [
    named('tumblr-secret', 'consumer secret', ['tumblr'], '<alnum 50>'),
  ]),
  ...rulesOf('SoundCloud', 'https://developers.soundcloud.com/docs/', [
    named('soundcloud-secret', 'client secret', ['soundcloud'], '<alnum 32>'),
  ]),
  ...rulesOf('Genius', 'https://docs.genius.com/', [named('genius-token', 'access token', ['genius'], '<url 64>')]),
  ...rulesOf('Last.fm', 'https://www.last.fm/api', [
    named('lastfm-secret', 'key or shared secret', ['lastfm', 'last_fm', 'last.fm'], '<hex 32>'),
  ]),
  ...rulesOf('Flickr', 'https://www.flickr.com/services/api/', [
    named('flickr-secret', 'secret of an app', ['flickr'], '<hex 16>'),
  ]),
  ...rulesOf('Disqus', 'https://disqus.com/api/docs/', [named('disqus-secret', 'secret key', ['disqus'], '<alnum 64>')]),
  ...rulesOf('Bitly', 'https://dev.bitly.com/', [named('bitly-token', 'access token', ['bitly'], '<hex 40>')]),
  ...rulesOf('Rebrandly', 'https://developers.rebrandly.com/', [named('rebrandly-key', 'API key', ['rebrandly'], '<hex 32>')]),
  ...rulesOf('TinyURL', 'https://tinyurl.com/app/dev', [named('tinyurl-token', 'API token', ['tinyurl'], '<alnum 60>')]),
  ...rulesOf('TMDB', 'https://developer.themoviedb.org/docs/', [
    named('tmdb-key', 'API key', ['tmdb', 'themoviedb'], '<hex 32>'),
  ]),
  ...rulesOf('Roblox', 'https://create.roblox.com/docs/', [roblox]),
  ...rulesOf('New York Times', 'https://developer.nytimes.com/', [named('nytimes-key', 'API key', ['nytimes'], '<alnum 32>')]),
  ...rulesOf('News API', 'https://newsapi.org/docs', [named('newsapi-key', 'API key', ['newsapi', 'news_api'], '<hex 32>')]),
  ...rulesOf('RapidAPI', 'https://docs.rapidapi.com/', [rapidapi]),
  ...rulesOf('ScraperAPI', 'https://docs.scraperapi.com/', [
    named('scraperapi-key', 'API key', ['scraperapi', 'scraper_api'], '<hex 32>'),
  ]),
  ...rulesOf('ScrapingBee', 'https://www.scrapingbee.com/documentation/', [
    named('scrapingbee-key', 'API key', ['scrapingbee'], '<upper 80>'),
  ]),
  ...rulesOf('Apify', 'https://docs.apify.com/', [known('apify-token', 'API token', 'apify_api_<alnum 36>')]),
]

function bearerPattern(): RegExp {
  return /(?i:twitter|x_bearer)[\w .-]{0,40}['"`]{0,2}[ \t]{0,4}[=:,][ \t]{0,4}['"`]?(?<secret>A{20,24}[0-9A-Za-z%]{70,110})(?![0-9A-Za-z%])/
}

function bearerSamples() {
  const secret = `${'A'.repeat(22)}${upper(10)}%3D${alnum(70)}`
  return {
    hits: [[`TWITTER_BEARER_TOKEN=${secret}`, secret] as const],
    misses: [secret, `TWITTER_BEARER_TOKEN=${secret.slice(0, 80)}`, `twitter_image=${'A'.repeat(100)}`],
  }
}

function hereSamples() {
  const key = base64url(43)
  return {
    hits: [[`HERE_API_KEY=${key}`, key] as const],
    misses: [`HERE_API_KEY=${key.slice(1)}`, `here_${key}`, `where_api_key=${key}`],
  }
}
