import { token } from '../pattern.ts'
import { following, known, named, type Row } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'
import { base64, hex } from '../sample.ts'

/** Where Mailchimp keeps the account stands at the end: keywords are the ends. */
const mailchimp = known('mailchimp-api', 'API key', '<hex 32>-us<digits 1-2>', {
  keywords: ['1', '2', '3', '4', '5', '6', '7', '8', '9'].map((digit) => `-us${digit}`),
  reach: { before: 40, after: 8 },
  facts: (secret) => ({ datacenter: secret.slice(33) }),
  samples: () => ({
    hits: [`${hex(32)}-us1`, [`apikey: '${hex(32)}-us21'`, `${hex(32)}-us21`]],
    misses: [`${hex(31)}-us1`, `${hex(33)}-us1`, `${hex(32)}-us`, `${hex(32)}-us121`, `us-east-us1 ${hex(32)}`],
  }),
})

/** Base 64 of `tok:`, the token's digits, its version and its region. */
const intercom: Row = {
  ...{ id: 'intercom-access-token', title: 'access token', keywords: ['dg9r'], confidence: 'high' },
  pattern: token('dG9rO[0-9A-Za-z+/]{40,90}={0,2}'),
  check: (secret) => /^tok:[0-9a-f_]{30,50}:[0-9]:[0-9]$/.test(Buffer.from(secret, 'base64').toString('latin1')),
  samples: () => {
    const access = Buffer.from(`tok:${hex(8)}_${hex(4)}_${hex(4)}_${hex(24)}:1:0`).toString('base64')
    return { hits: [access, [`Bearer ${access}`, access]], misses: [`dG9rO${base64(60)}`, access.slice(0, 30), `x${access}`] }
  },
}

/** Mail, text messages, calls and support. */
export const mail: readonly Rule[] = [
  ...rulesOf('Twilio', 'https://www.twilio.com/docs/iam/api-keys', [
    named('twilio-auth-token', 'auth token', ['twilio'], '<hex 32>'),
    named('twilio-api-secret', 'API key secret', ['twilio'], '<alnum 32>', {
      check: (secret) => /[A-Z]/.test(secret) && /[g-z]/.test(secret),
    }),
  ]),
  ...rulesOf('SendGrid', 'https://www.twilio.com/docs/sendgrid/api-reference', [
    known('sendgrid-api', 'API key', 'SG.<url 22>.<url 43>'),
  ]),
  ...rulesOf('Mailgun', 'https://documentation.mailgun.com/docs/mailgun/', [
    named('mailgun-api', 'API key', ['mailgun'], '<hex 32>-<hex 8>-<hex 8>'),
    named('mailgun-api-classic', 'API key (classic)', ['mailgun'], 'key-<hex 32>'),
  ]),
  ...rulesOf('Mailchimp', 'https://mailchimp.com/developer/marketing/guides/quick-start/', [mailchimp]),
  ...rulesOf('Mandrill', 'https://mailchimp.com/developer/transactional/guides/quick-start/', [
    known('mandrill-api', 'API key', 'md-<url 22>', { confidence: 'medium', keywords: ['md-'], entropy: 3.5 }),
    named('mandrill-api-classic', 'API key (classic)', ['mandrill'], '<url 22>'),
  ]),
  ...rulesOf('Postmark', 'https://postmarkapp.com/developer/api/overview', [
    named('postmark-token', 'server or account token', ['postmark'], '<uuid>'),
  ]),
  ...rulesOf('Resend', 'https://resend.com/docs/', [named('resend-api', 'API key', ['resend'], 're_<alnum 8>_<alnum 24>')]),
  ...rulesOf('Brevo', 'https://developers.brevo.com/', [
    known('brevo-api', 'API key', 'xkeysib-<hex 64>-<alnum 16>'),
    known('brevo-smtp', 'SMTP key', 'xsmtpsib-<hex 64>-<alnum 16>'),
  ]),
  ...rulesOf('SparkPost', 'https://developers.sparkpost.com/api/', [
    named('sparkpost-api', 'API key', ['sparkpost'], '<hex 40>'),
  ]),
  ...rulesOf('Mailjet', 'https://dev.mailjet.com/', [
    named('mailjet-api', 'API key or secret', ['mailjet', 'mj_api'], '<hex 32>'),
  ]),
  ...rulesOf('Mailtrap', 'https://docs.mailtrap.io/', [named('mailtrap-api', 'API token', ['mailtrap'], '<hex 32>')]),
  ...rulesOf('MailerSend', 'https://developers.mailersend.com/', [known('mailersend-api', 'API token', 'mlsn.<hex 64>')]),
  ...rulesOf('SMTP2GO', 'https://developers.smtp2go.com/', [named('smtp2go-api', 'API key', ['smtp2go'], 'api-<HEX 32>')]),
  ...rulesOf('Elastic Email', 'https://elasticemail.com/developers/', [
    named('elastic-email-api', 'API key', ['elasticemail', 'elastic_email', 'elastic-email'], '<HEX 96>'),
  ]),
  ...rulesOf('ZeptoMail', 'https://www.zoho.com/zeptomail/help/api-home.html', [
    following('zeptomail-send', 'send mail token', 'Zoho-enczapikey ', '<base64 60-200>', {
      pattern: /(?i:zoho-enczapikey) (?<secret>[0-9A-Za-z+/]{60,200}={0,2})(?![0-9A-Za-z+/=])/,
    }),
  ]),
  ...rulesOf('Nylas', 'https://developer.nylas.com/docs/', [known('nylas-api', 'API key', 'nyk_v0_<alnum 64>')]),
  ...rulesOf('Kit', 'https://developers.kit.com/', [named('kit-api-secret', 'API secret', ['convertkit', 'ck_api'], '<url 43>')]),
  ...rulesOf('ActiveCampaign', 'https://developers.activecampaign.com/', [
    named('activecampaign-api', 'API key', ['activecampaign'], '<hex 72>'),
  ]),
  ...rulesOf('MessageBird', 'https://developers.messagebird.com/', [
    named('messagebird-api', 'access key', ['messagebird'], '<alnum 25>'),
  ]),
  ...rulesOf('Vonage', 'https://developer.vonage.com/en/getting-started/concepts/authentication', [
    named('vonage-api-secret', 'API secret', ['vonage', 'nexmo'], '<alnum 16>'),
  ]),
  ...rulesOf('Plivo', 'https://www.plivo.com/docs/', [named('plivo-auth-token', 'auth token', ['plivo'], '<alnum 40>')]),
  ...rulesOf('Telnyx', 'https://developers.telnyx.com/', [
    known('telnyx-api', 'API key', 'KEY<HEX 32>_<alnum 22>', { keywords: ['key0'], samples: telnyxSamples }),
  ]),
  ...rulesOf('Sinch', 'https://developers.sinch.com/', [named('sinch-token', 'token of a service plan', ['sinch'], '<hex 32>')]),
  ...rulesOf('Infobip', 'https://www.infobip.com/docs/api', [named('infobip-api', 'API key', ['infobip'], '<hex 32>-<uuid>')]),
  ...rulesOf('Intercom', 'https://developers.intercom.com/docs/', [intercom]),
  ...rulesOf('Zendesk', 'https://developer.zendesk.com/api-reference/', [
    named('zendesk-api', 'API token', ['zendesk'], '<alnum 40>'),
  ]),
  ...rulesOf('Freshworks', 'https://developers.freshdesk.com/api/', [
    named('freshworks-api', 'API key', ['freshdesk', 'freshservice', 'freshsales'], '<alnum 20>'),
  ]),
  ...rulesOf('Help Scout', 'https://developer.helpscout.com/', [
    named('helpscout-secret', 'application secret', ['helpscout', 'help_scout'], '<alnum 32>'),
  ]),
  ...rulesOf('Gorgias', 'https://developers.gorgias.com/', [named('gorgias-api', 'API key', ['gorgias'], '<hex 64>')]),
]

function telnyxSamples() {
  const secret = `KEY0${hex(31).toUpperCase()}_${base64(22).replace(/[+/]/g, 'a')}`
  return {
    hits: [secret, [`TELNYX_API_KEY=${secret}`, secret] as const],
    misses: [secret.slice(0, -1), `${secret}a`, `x${secret}`],
  }
}
