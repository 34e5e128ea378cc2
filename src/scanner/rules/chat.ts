import { token } from '../pattern.ts'
import { known, named, type Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { alnum, base64url, digits, hex, upper, uuid } from '../sample.ts'

const SLACK_HOOK = { before: 8, after: 128 }

/** The whole address is the secret: who has it may post. */
const hook = (id: string, title: string, path: string, make: (seed: number) => string, keyword: string): Row => ({
  ...{ id, title, keywords: [keyword], confidence: 'high', reach: { before: 80, after: 260 } },
  pattern: token(`https://${path}`),
  samples: () => ({
    hits: [make(1), [`WEBHOOK=${make(2)}`, make(2)]],
    misses: [make(1).slice(0, -6), make(1).replace('https://', 'http//'), `x${make(1)}`, make(1).replace(/[^/]{6}$/, '******')],
  }),
})

/** An id in base 64, the time it was made and its MAC: the id is that of the application, a snowflake of 17 to 20 digits. */
const discordBot: Row = {
  ...{
    id: 'discord-bot-token',
    title: 'token of a bot',
    keywords: ['discord', 'login(', 'bot ', 'bot_token'],
    confidence: 'high',
  },
  pattern:
    /(?i:discord|login|\bbot)[\w .-]{0,30}['"`\])]{0,3}[ \t]{0,4}[=:,( ][ \t]{0,4}['"`]?(?<secret>[MNO][0-9A-Za-z_-]{22,27}\.[0-9A-Za-z_-]{6}\.[0-9A-Za-z_-]{27,38})(?![0-9A-Za-z_-])/,
  check: (secret) => /^[0-9]{17,20}$/.test(botOf(secret)),
  facts: (secret) => ({ bot: botOf(secret) }),
  samples: () => {
    const id = (text: string) => Buffer.from(text).toString('base64url')
    const bot = `${id(`1${digits(17)}`)}.${base64url(6)}.${base64url(38)}`
    return {
      hits: [
        [`DISCORD_TOKEN=${bot}`, bot],
        [`client.login('${bot}')`, bot],
        [`Authorization: Bot ${bot}`, bot],
      ],
      misses: [bot, `DISCORD_TOKEN=${bot.slice(0, -12)}`, `DISCORD_TOKEN=${id(`1 no bot at all ${digits(2)}`)}${bot.slice(24)}`],
    }
  },
}

function botOf(secret: string): string {
  return Buffer.from(secret.split('.')[0] ?? '', 'base64url').toString('latin1')
}

/** Also after `bot` in an address of the Bot API. */
const telegram: Row = {
  ...{
    id: 'telegram-bot-token',
    title: 'token of a bot',
    keywords: [':aa'],
    confidence: 'high',
    reach: { before: 16, after: 64 },
  },
  pattern: /(?:(?<![0-9A-Za-z])|(?<=bot)|(?<=\\[nrt]))(?<secret>[0-9]{8,10}:AA[0-9A-Za-z_-]{33})(?![0-9A-Za-z_-])/,
  facts: (secret) => ({ bot: secret.split(':')[0] ?? '' }),
  samples: () => {
    const bot = `7${digits(9)}:AA${base64url(33)}`
    return {
      hits: [bot, [`https://api.telegram.org/bot${bot}/getMe`, bot]],
      misses: [bot.slice(0, -1), `${bot}a`, bot.replace(':AA', ':AB'), `x${bot}`],
    }
  },
}

/** What chats, calls and pushes. */
export const chat: readonly Rule[] = [
  ...rulesOf('Slack', 'https://docs.slack.dev/authentication/tokens/', [
    known('slack-bot-token', 'bot token', 'xoxb-<digits 9-14>-<digits 9-14>-<alnum 24>'),
    known('slack-bot-token-legacy', 'bot token (legacy)', 'xoxb-<digits 9-14>-<alnum 24>'),
    known('slack-user-token', 'user token', 'xoxp-<digits 9-14>-<digits 9-14>-<digits 9-14>-<hex 32>'),
    known('slack-user-token-legacy', 'user token (legacy)', 'xoxp-<digits 9-14>-<digits 9-14>-<digits 9-14>-<hex 10>'),
    known('slack-app-token', 'app-level token', 'xapp-1-A<upper 8-12>-<digits 9-14>-<hex 64>'),
    known(
      'slack-workspace-token',
      'workspace access token (legacy)',
      'xoxa-2-<digits 9-14>-<digits 9-14>-<digits 9-14>-<hex 32>',
    ),
    known('slack-rotating-bot-token', 'bot token (rotating)', 'xoxe.xoxb-1-<url 120-220>'),
    known('slack-rotating-user-token', 'user token (rotating)', 'xoxe.xoxp-1-<url 120-220>'),
    known('slack-refresh-token', 'refresh token', 'xoxe-1-<url 120-220>'),
    known('slack-browser-token', 'token of a browser session', 'xoxc-<digits 9-14>-<digits 9-14>-<digits 9-14>-<hex 64>'),
    {
      ...hook(
        'slack-webhook',
        'incoming webhook',
        'hooks\\.slack\\.com/services/T[0-9A-Z]{8,12}/B[0-9A-Z]{8,12}/[0-9A-Za-z]{24}',
        (seed) => `https://hooks.slack.com/services/T${upper(8, seed)}/B${upper(10, seed)}/${alnum(24, seed)}`,
        'hooks.slack.com/s',
      ),
      reach: SLACK_HOOK,
    },
    {
      ...hook(
        'slack-workflow-webhook',
        'workflow webhook',
        'hooks\\.slack\\.com/(?:workflows|triggers)/[TE][0-9A-Z]{8,12}/(?:A[0-9A-Z]{8,12}/)?[0-9]{12,20}/[0-9A-Za-z]{24,32}',
        (seed) =>
          `https://hooks.slack.com/workflows/T${upper(8, seed)}/A${upper(10, seed)}/${digits(18, seed)}/${alnum(24, seed)}`,
        'hooks.slack.com/',
      ),
      reach: SLACK_HOOK,
    },
    named('slack-signing-secret', 'signing or client secret', ['slack'], '<hex 32>'),
  ]),
  ...rulesOf('Discord', 'https://discord.com/developers/docs/reference', [
    discordBot,
    hook(
      'discord-webhook',
      'webhook',
      '(?:[a-z]{3,6}\\.)?discord(?:app)?\\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{17,20}/[0-9A-Za-z_-]{68}',
      (seed) => `https://discord.com/api/webhooks/1${digits(18, seed)}/${base64url(68, seed)}`,
      '/webhooks/',
    ),
    named('discord-client-secret', 'client secret', ['discord'], '<url 32>'),
  ]),
  ...rulesOf('Telegram', 'https://core.telegram.org/bots/api', [telegram]),
  ...rulesOf('Microsoft Teams', 'https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/', [
    hook(
      'teams-webhook',
      'incoming webhook',
      '[0-9a-z-]{1,60}\\.webhook\\.office\\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/[0-9a-f]{32}/[0-9a-f-]{36}',
      (seed) =>
        `https://acme.webhook.office.com/webhookb2/${uuid(seed)}@${uuid(seed + 1)}/IncomingWebhook/${hex(32, seed)}/${uuid(seed + 2)}`,
      '.webhook.office.com/',
    ),
  ]),
  ...rulesOf('Mattermost', 'https://developers.mattermost.com/', [
    named('mattermost-token', 'access token', ['mattermost'], '<lower 26>'),
  ]),
  ...rulesOf('Zulip', 'https://zulip.com/api/', [named('zulip-api-key', 'API key', ['zulip'], '<alnum 32>')]),
  ...rulesOf('Rocket.Chat', 'https://developer.rocket.chat/', [
    named('rocketchat-token', 'access token', ['rocketchat', 'rocket_chat', 'rocket.chat'], '<url 43>'),
  ]),
  ...rulesOf('LINE', 'https://developers.line.biz/en/docs/messaging-api/channel-access-tokens/', [
    named('line-channel-secret', 'channel secret', ['line_channel', 'line-channel', 'linechannel'], '<hex 32>'),
    named('line-channel-token', 'channel access token', ['line_channel', 'line-channel', 'linechannel'], '<base64 150-200>='),
  ]),
  ...rulesOf('Webex', 'https://developer.webex.com/docs/bots', [
    named('webex-token', 'access token', ['webex'], '<url 64>_<alnum 4>_<uuid>'),
  ]),
  ...rulesOf('Viber', 'https://developers.viber.com/docs/api/rest-bot-api/', [
    named('viber-bot-token', 'token of a bot', ['viber'], '<hex 16>-<hex 16>-<hex 16>'),
  ]),
  ...rulesOf('Pushover', 'https://pushover.net/api', [
    named('pushover-token', 'application token or user key', ['pushover'], '<lower 30>'),
  ]),
  ...rulesOf('Pushbullet', 'https://docs.pushbullet.com/', [
    named('pushbullet-token', 'access token', ['pushbullet'], 'o.<alnum 32>'),
  ]),
  ...rulesOf('OneSignal', 'https://documentation.onesignal.com/docs/', [
    known('onesignal-app-key', 'API key of an app', 'os_v2_app_<lower 90-120>'),
    known('onesignal-organization-key', 'API key of an organization', 'os_v2_org_<lower 90-120>'),
  ]),
  ...rulesOf('Pusher', 'https://pusher.com/docs/', [named('pusher-secret', 'secret of an app', ['pusher'], '<hex 20>')]),
  ...rulesOf('Ably', 'https://ably.com/docs/auth', [
    named('ably-api-key', 'API key', ['ably_', 'ably-', 'ably.'], '<url 6>.<url 6>:<url 43>'),
  ]),
  ...rulesOf('PubNub', 'https://www.pubnub.com/docs/', [
    known('pubnub-secret-key', 'secret key', 'sec-c-<base64 48>'),
    known('pubnub-secret-key-classic', 'secret key (classic)', 'sec-c-<uuid>'),
  ]),
  ...rulesOf('Stream', 'https://getstream.io/chat/docs/', [
    named('stream-secret', 'secret of an app', ['getstream', 'stream_api', 'stream_app'], '<lower 64>'),
  ]),
  ...rulesOf('Sendbird', 'https://sendbird.com/docs/', [named('sendbird-token', 'API token', ['sendbird'], '<hex 40>')]),
  ...rulesOf('Courier', 'https://www.courier.com/docs/', [known('courier-auth-key', 'authorization key', 'pk_prod_<upper 28>')]),
  ...rulesOf('Knock', 'https://docs.knock.app/', [named('knock-secret-key', 'secret API key', ['knock'], 'sk_<url 43>')]),
  ...rulesOf('Novu', 'https://docs.novu.co/', [named('novu-api-key', 'API key', ['novu'], '<hex 32>')]),
  ...rulesOf('Crisp', 'https://docs.crisp.chat/', [named('crisp-key', 'plugin or website key', ['crisp'], '<hex 64>')]),
  ...rulesOf('Agora', 'https://docs.agora.io/', [named('agora-certificate', 'app certificate', ['agora'], '<hex 32>')]),
  ...rulesOf('LiveKit', 'https://docs.livekit.io/', [named('livekit-secret', 'API secret', ['livekit'], '<alnum 40-44>')]),
]
