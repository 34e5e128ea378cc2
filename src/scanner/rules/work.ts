import { token } from '../pattern.ts'
import { following, known, named, type Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { alnum, base64url, digits, hex } from '../sample.ts'

/** Base 64 of `{"miro.origin":"eu01"}`, and the token. */
const MIRO = Buffer.from('{"miro.origin":').toString('base64').slice(0, 20)
const miro: Row = {
  ...{ id: 'miro-access-token', title: 'access token', keywords: ['eyjtaxjvlm9yawdpbii6'], confidence: 'high' },
  pattern: token(`${MIRO}[0-9A-Za-z]{8,20}_[0-9A-Za-z_-]{27}`),
  check: (secret) => regionOf(secret) !== undefined,
  facts: (secret) => ({ region: regionOf(secret) ?? '' }),
  samples: () => {
    const access = `${Buffer.from('{"miro.origin":"eu01"}').toString('base64url')}_${base64url(27)}`
    return {
      hits: [access, [`token: ${access}`, access]],
      misses: [access.slice(0, -1), `${MIRO}${alnum(10)}_${base64url(27)}`, `x${access}`],
    }
  },
}

function regionOf(secret: string): string | undefined {
  const head = Buffer.from(secret.split('_')[0] ?? '', 'base64').toString('latin1')
  return /^\{"miro\.origin":"([a-z0-9]{2,8})"\}$/.exec(head)?.[1]
}

/** Eight parts with one letter each: shard, user, end, creation, permissions, account, version and hash. */
const evernote: Row = {
  ...{
    id: 'evernote-token',
    title: 'developer token',
    keywords: [':v=2:h='],
    confidence: 'high',
    reach: { before: 160, after: 48 },
  },
  pattern: token(
    'S=s[0-9]{1,4}:U=[0-9a-f]{1,8}:E=[0-9a-f]{9,13}:C=[0-9a-f]{9,13}:P=[0-9a-f]{1,5}:A=[0-9A-Za-z._-]{1,60}:V=2:H=[0-9a-f]{32}',
  ),
  samples: () => {
    const of = (last: string) => `S=s${digits(2)}:U=${hex(6)}:E=${hex(11)}:C=${hex(11, 2)}:P=1cd:A=en-devtoken:V=2:H=${last}`
    return {
      hits: [of(hex(32)), [`token = "${of(hex(32, 2))}"`, of(hex(32, 2))]],
      misses: [of(hex(31)), of(hex(33)), `:V=2:H=${hex(32)}`],
    }
  },
}

const salesforce: Row = {
  ...{ id: 'salesforce-session', title: 'access token or session id', keywords: ['!aq', '!ar'], confidence: 'high' },
  pattern: token('00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?!A[QR][0-9A-Za-z._]{80,130}'),
  reach: { before: 24, after: 160 },
  facts: (secret) => ({ organization: secret.slice(0, secret.indexOf('!')) }),
  samples: () => {
    const session = `00D${alnum(12)}!AQ${alnum(94)}`
    return {
      hits: [session, [`sid=${session}`, session]],
      misses: [session.slice(0, 60), `00D${alnum(11)}!AQ${alnum(94)}`, `x${session}`],
    }
  },
}

const wordpress: Row = {
  ...{
    id: 'wordpress-application-password',
    title: 'application password',
    keywords: ['wordpress', 'wp_app'],
    confidence: 'medium',
  },
  pattern:
    /(?i:wordpress|wp_app)[\w .-]{0,40}['"`]{0,2}[ ]{0,2}[:=][ ]{0,2}['"`]?(?<secret>[0-9A-Za-z]{4}(?: [0-9A-Za-z]{4}){5})(?![0-9A-Za-z ])/,
  check: (secret) => /[0-9]/.test(secret) && /[A-Z]/.test(secret) && /[a-z]/.test(secret),
  samples: () => {
    const secret = (alnum(24).match(/.{4}/g) ?? []).join(' ')
    return {
      hits: [[`WORDPRESS_APP_PASSWORD="${secret}"`, secret]],
      misses: [
        secret,
        `WORDPRESS_APP_PASSWORD="${secret.slice(5)}"`,
        'wordpress: this very long text goes some',
        'wordpress: this very long text goes some more',
      ],
    }
  },
}

/** What teams write, plan, sell and account in. */
export const work: readonly Rule[] = [
  ...rulesOf('Atlassian', 'https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/', [
    known('atlassian-api-token', 'API token', 'ATATT3xFfGF0<url 150-200>=<HEX 8>'),
    known('atlassian-access-token', 'access token of a project or repository', 'ATCTT3xFfGN0<url 150-200>=<HEX 8>'),
    named('atlassian-api-token-classic', 'API token (classic)', ['atlassian', 'jira', 'confluence'], '<alnum 24>'),
  ]),
  ...rulesOf('Trello', 'https://developer.atlassian.com/cloud/trello/guides/rest-api/authorization/', [
    known('trello-token', 'token', 'ATTA<hex 64><HEX 8>'),
    named('trello-token-classic', 'token (classic)', ['trello'], '<hex 64>'),
    named('trello-api-key', 'API key', ['trello'], '<hex 32>'),
  ]),
  ...rulesOf('Notion', 'https://developers.notion.com/docs/authorization', [
    known('notion-token', 'token of an integration', 'ntn_<digits 11><alnum 35>'),
    named('notion-token-classic', 'token of an integration (classic)', ['notion'], 'secret_<alnum 43>'),
  ]),
  ...rulesOf('Linear', 'https://linear.app/developers/graphql', [
    known('linear-api-key', 'personal API key', 'lin_api_<alnum 40>'),
    known('linear-oauth-token', 'OAuth access token', 'lin_oauth_<hex 64>'),
    known('linear-webhook-secret', 'signing secret of a webhook', 'lin_wh_<alnum 20-60>'),
  ]),
  ...rulesOf('Asana', 'https://developers.asana.com/docs/personal-access-token', [
    named('asana-pat', 'personal access token', ['asana'], '<digits 1>/<digits 13-20>:<hex 32>'),
    named('asana-pat-of-app', 'personal access token (with an app)', ['asana'], '2/<digits 13-20>/<digits 13-20>:<hex 32>'),
    named('asana-client-secret', 'client secret', ['asana'], '<hex 32>'),
  ]),
  ...rulesOf('Figma', 'https://developers.figma.com/docs/rest-api/authentication/', [
    known('figma-pat', 'personal access token', 'figd_<url 40>'),
    named('figma-pat-classic', 'personal access token (classic)', ['figma'], '<digits 5-7>-<uuid>'),
  ]),
  ...rulesOf('Miro', 'https://developers.miro.com/docs/', [miro]),
  ...rulesOf('Dropbox', 'https://www.dropbox.com/developers/documentation/', [
    known('dropbox-access-token', 'access token', 'sl.u.<url 130-1500>', { reach: { before: 8, after: 1600 } }),
    named('dropbox-access-token-classic', 'access token (short-lived, before 2024)', ['dropbox'], 'sl.<url 130-300>'),
    named('dropbox-app-secret', 'secret of an app', ['dropbox'], '<lower 15>', { confidence: 'low' }),
  ]),
  ...rulesOf('Box', 'https://developer.box.com/guides/authentication/', [
    named('box-client-secret', 'client secret or developer token', ['box_client', 'box_dev', 'boxapp', 'box_api'], '<alnum 32>', {
      samples: () => ({
        hits: [[`BOX_CLIENT_SECRET=${alnum(32)}`, alnum(32)]],
        misses: [
          `BOX_CLIENT_SECRET=${alnum(31)}`,
          `BOX_CLIENT_SECRET=${alnum(33)}`,
          `box_client_id=${alnum(32)}`,
          `xbox_client_secret=${alnum(32)}`,
        ],
      }),
    }),
  ]),
  ...rulesOf('HubSpot', 'https://developers.hubspot.com/docs/', [
    ...['na1', 'na2', 'eu1', 'ap1'].map((region) =>
      known(`hubspot-private-app-${region}`, `access token of a private app (${region})`, `pat-${region}-<uuid>`, {
        facts: () => ({ region }),
      }),
    ),
    following('hubspot-api-key', 'API key', 'hapikey=', '<uuid>'),
  ]),
  ...rulesOf('Salesforce', 'https://developer.salesforce.com/docs/', [
    salesforce,
    known('salesforce-refresh-token', 'refresh token', '5Aep861<url 60-90>', { confidence: 'medium' }),
    named('salesforce-consumer-secret', 'consumer secret', ['salesforce', 'sfdc'], '<HEX 64>'),
  ]),
  ...rulesOf('ClickUp', 'https://developer.clickup.com/docs/authentication', [
    named('clickup-token', 'personal API token', ['clickup'], 'pk_<digits 5-9>_<upper 32>'),
  ]),
  ...rulesOf('Typeform', 'https://www.typeform.com/developers/get-started/personal-access-token/', [
    known('typeform-pat', 'personal access token', 'tfp_<url 40-64>'),
  ]),
  ...rulesOf('Zoom', 'https://developers.zoom.us/docs/', [
    named('zoom-client-secret', 'client secret', ['zoom_', 'zoom-'], '<alnum 32>'),
  ]),
  ...rulesOf('DocuSign', 'https://developers.docusign.com/', [
    named('docusign-secret', 'secret key', ['docusign'], '<uuid>', { confidence: 'low' }),
  ]),
  ...rulesOf('Contentful', 'https://www.contentful.com/developers/docs/references/authentication/', [
    known('contentful-pat', 'personal access token', 'CFPAT-<url 43>'),
    named('contentful-delivery', 'delivery or preview token', ['contentful'], '<url 43>'),
  ]),
  ...rulesOf('Webflow', 'https://developers.webflow.com/', [named('webflow-token', 'site token', ['webflow'], '<hex 64>')]),
  ...rulesOf('Postman', 'https://learning.postman.com/docs/', [
    known('postman-api-key', 'API key', 'PMAK-<hex 24>-<hex 34>'),
    known('postman-collection-token', 'access token of a collection', 'PMAT-<upper 26>'),
  ]),
  ...rulesOf('ReadMe', 'https://docs.readme.com/', [known('readme-api-key', 'API key', 'rdme_<lower 70>')]),
  ...rulesOf('Coda', 'https://coda.io/developers/apis/v1', [named('coda-token', 'API token', ['coda_', 'coda-'], '<uuid>')]),
  ...rulesOf('Smartsheet', 'https://developers.smartsheet.com/', [
    named('smartsheet-token', 'access token', ['smartsheet'], '<alnum 37>'),
  ]),
  ...rulesOf('Todoist', 'https://developer.todoist.com/', [named('todoist-token', 'API token', ['todoist'], '<hex 40>')]),
  ...rulesOf('Shortcut', 'https://developer.shortcut.com/', [
    named('shortcut-token', 'API token', ['shortcut_', 'clubhouse'], '<uuid>'),
  ]),
  ...rulesOf('Evernote', 'https://dev.evernote.com/doc/', [evernote]),
  ...rulesOf('Pipedrive', 'https://developers.pipedrive.com/', [
    named('pipedrive-token', 'API token', ['pipedrive'], '<hex 40>'),
  ]),
  ...rulesOf('Close', 'https://developer.close.com/', [
    named('close-api-key', 'API key', ['close_', 'closeio'], 'api_<alnum 22>.<alnum 22>'),
  ]),
  ...rulesOf('Attio', 'https://docs.attio.com/', [named('attio-token', 'API key', ['attio'], '<hex 64>')]),
  ...rulesOf('n8n', 'https://docs.n8n.io/api/authentication/', [
    known('n8n-api-key', 'API key (before JWTs)', 'n8n_api_<hex 80>'),
  ]),
  ...rulesOf('Storyblok', 'https://www.storyblok.com/docs/', [
    named('storyblok-token', 'token of a space', ['storyblok'], '<alnum 22>tt'),
  ]),
  ...rulesOf('Sanity', 'https://www.sanity.io/docs/', [named('sanity-token', 'API token', ['sanity'], 'sk<alnum 80-180>')]),
  ...rulesOf('DatoCMS', 'https://www.datocms.com/docs/', [named('datocms-token', 'API token', ['datocms', 'dato_'], '<hex 30>')]),
  ...rulesOf('Ghost', 'https://docs.ghost.org/admin-api/', [
    named('ghost-admin-key', 'Admin API key', ['ghost'], '<hex 24>:<hex 64>'),
  ]),
  ...rulesOf('WordPress', 'https://developer.wordpress.org/rest-api/using-the-rest-api/authentication/', [wordpress]),
  ...rulesOf('Builder.io', 'https://www.builder.io/c/docs/', [known('builder-private-key', 'private key', 'bpk-<hex 32>')]),
  ...rulesOf('Cal.com', 'https://cal.com/docs/', [
    known('cal-api-key-live', 'API key (live)', 'cal_live_<hex 32>'),
    named('cal-api-key', 'API key', ['calcom', 'cal_api'], 'cal_<hex 32>'),
  ]),
  ...rulesOf('Toggl', 'https://engineering.toggl.com/docs/', [named('toggl-token', 'API token', ['toggl'], '<hex 32>')]),
  ...rulesOf('Harvest', 'https://help.getharvest.com/api-v2/', [
    named('harvest-pat', 'personal access token', ['harvest'], '<digits 5-8>.pt.<url 80-90>'),
  ]),
  ...rulesOf('Clockify', 'https://docs.clockify.me/', [named('clockify-key', 'API key', ['clockify'], '<alnum 48>')]),
  ...rulesOf('BambooHR', 'https://documentation.bamboohr.com/', [
    named('bamboohr-key', 'API key', ['bamboohr', 'bamboo_hr'], '<hex 40>'),
  ]),
  ...rulesOf('Intuit', 'https://developer.intuit.com/app/developer/qbo/docs/', [
    named('intuit-client-secret', 'client secret', ['quickbooks', 'intuit', 'qbo_'], '<alnum 40>'),
  ]),
  ...rulesOf('Xero', 'https://developer.xero.com/documentation/', [
    named('xero-client-secret', 'client secret', ['xero'], '<url 48>'),
  ]),
  ...rulesOf('FreshBooks', 'https://www.freshbooks.com/api/', [
    named('freshbooks-secret', 'client secret', ['freshbooks'], '<hex 64>'),
  ]),
  ...rulesOf('PandaDoc', 'https://developers.pandadoc.com/', [named('pandadoc-key', 'API key', ['pandadoc'], '<hex 40>')]),
  ...rulesOf('Dropbox Sign', 'https://developers.hellosign.com/', [
    named('dropbox-sign-key', 'API key', ['hellosign', 'dropbox_sign'], '<hex 64>'),
  ]),
  ...rulesOf('Adobe', 'https://developer.adobe.com/developer-console/docs/', [
    known('adobe-client-secret', 'client secret', 'p8e-<url 32>'),
  ]),
  ...rulesOf('Zoho', 'https://www.zoho.com/accounts/protocol/oauth.html', [
    known('zoho-oauth-token', 'access or refresh token', '1000.<hex 32>.<hex 32>'),
  ]),
  ...rulesOf('Lokalise', 'https://developers.lokalise.com/', [named('lokalise-token', 'API token', ['lokalise'], '<hex 40>')]),
  ...rulesOf('Crowdin', 'https://support.crowdin.com/developer/', [
    named('crowdin-token', 'personal access token', ['crowdin'], '<hex 80>'),
  ]),
  ...rulesOf('Transifex', 'https://developers.transifex.com/', [
    named('transifex-token', 'API token', ['transifex', 'tx_'], '1/<hex 40>'),
  ]),
  ...rulesOf('Phrase', 'https://developers.phrase.com/', [
    named('phrase-token', 'access token', ['phrase_', 'phraseapp'], '<hex 64>'),
  ]),
  ...rulesOf('POEditor', 'https://poeditor.com/docs/api', [named('poeditor-token', 'API token', ['poeditor'], '<hex 32>')]),
  ...rulesOf('Discourse', 'https://docs.discourse.org/', [named('discourse-key', 'API key', ['discourse'], '<hex 64>')]),
]
