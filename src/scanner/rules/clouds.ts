import { token } from '../pattern.ts'
import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'

const cloudflare = (kind: string, prefix: string, title: string) =>
  known(`cloudflare-${kind}`, title, `${prefix}_<alnum 40><hex 8>`)

/** Not the host of their API, that begins as they do. */
const AKAMAI = token('akab-[0-9a-z]{16}-[0-9a-z]{16}(?!\\.luna)')

/** Clouds and hosts without a file of their own. */
export const clouds = [
  ...rulesOf('DigitalOcean', 'https://docs.digitalocean.com/reference/api/create-personal-access-token/', [
    known('digitalocean-pat', 'personal access token', 'dop_v1_<hex 64>'),
    known('digitalocean-oauth', 'OAuth access token', 'doo_v1_<hex 64>'),
    known('digitalocean-refresh', 'OAuth refresh token', 'dor_v1_<hex 64>'),
  ]),
  ...rulesOf('Hetzner', 'https://docs.hetzner.cloud/', [named('hetzner-api', 'API token', ['hcloud', 'hetzner'], '<alnum 64>')]),
  ...rulesOf('Linode', 'https://techdocs.akamai.com/linode-api/reference/api', [
    named('linode-pat', 'personal access token', ['linode'], '<hex 64>'),
  ]),
  ...rulesOf('Akamai', 'https://techdocs.akamai.com/developer/docs/edgegrid', [
    known('akamai-edgegrid', 'EdgeGrid client or access token', 'akab-<lower 16>-<lower 16>', { pattern: AKAMAI }),
    named('akamai-client-secret', 'EdgeGrid client secret', ['akamai', 'edgegrid'], '<base64 43>='),
  ]),
  ...rulesOf('Vultr', 'https://docs.vultr.com/', [named('vultr-api', 'API key', ['vultr'], '<upper 36>')]),
  ...rulesOf('Cloudflare', 'https://developers.cloudflare.com/fundamentals/api/get-started/token-formats/', [
    cloudflare('global', 'cfk', 'global API key'),
    cloudflare('user', 'cfut', 'user API token'),
    cloudflare('account', 'cfat', 'account API token'),
    named('cloudflare-legacy-token', 'API token (legacy)', ['cloudflare', 'cf_api'], '<url 40>'),
    named('cloudflare-legacy-global', 'global API key (legacy)', ['cloudflare', 'cf_api'], '<hex 37>'),
    known('cloudflare-origin-ca', 'origin CA key', 'v1.0-<hex 24>-<hex 146>'),
  ]),
  ...rulesOf('Fastly', 'https://www.fastly.com/documentation/reference/api/auth-tokens/', [
    named('fastly-api', 'API token', ['fastly'], '<url 32>'),
  ]),
  ...rulesOf('Fly.io', 'https://fly.io/docs/security/tokens/', [
    known('fly-access', 'access token', 'fo1_<url 43>'),
    known('fly-macaroon', 'macaroon', 'fm2_<base64 100-2000>', { reach: { before: 16, after: 2200 } }),
  ]),
  ...rulesOf('Heroku', 'https://devcenter.heroku.com/articles/platform-api-reference', [
    known('heroku-api', 'API key', 'HRKU-AA<url 58>'),
    named('heroku-legacy', 'API key (legacy)', ['heroku'], '<uuid>'),
  ]),
  ...rulesOf('Netlify', 'https://docs.netlify.com/api/get-started/', [
    known('netlify-pat', 'personal access token', 'nfp_<alnum 36>'),
    named('netlify-legacy', 'access token (legacy)', ['netlify'], '<url 43>'),
  ]),
  ...rulesOf('Vercel', 'https://vercel.com/docs/rest-api', [
    known('vercel-personal', 'personal access token', 'vcp_<alnum 40-80>'),
    known('vercel-integration', 'integration token', 'vci_<alnum 40-80>'),
    known('vercel-app', 'app access token', 'vca_<alnum 40-80>'),
    known('vercel-refresh', 'app refresh token', 'vcr_<alnum 40-80>'),
    known('vercel-ai-gateway', 'AI gateway key', 'vck_<alnum 40-80>'),
    known('vercel-blob', 'Blob read-write token', 'vercel_blob_rw_<alnum 16>_<alnum 30>'),
    named('vercel-legacy', 'access token (legacy)', ['vercel'], '<alnum 24>'),
  ]),
  ...rulesOf('Railway', 'https://docs.railway.com/reference/public-api', [
    named('railway-api', 'API token', ['railway'], '<uuid>'),
  ]),
  ...rulesOf('Render', 'https://render.com/docs/api', [known('render-api', 'API key', 'rnd_<alnum 28-32>')]),
  ...rulesOf('Scaleway', 'https://www.scaleway.com/en/docs/', [
    known('scaleway-access', 'access key', 'SCW<upper 17>'),
    named('scaleway-secret', 'secret key', ['scaleway', 'scw_'], '<uuid>'),
  ]),
  ...rulesOf('OVHcloud', 'https://help.ovhcloud.com/', [
    named('ovh-application-secret', 'application secret or consumer key', ['ovh_', 'ovhcloud', 'ovh-'], '<alnum 32>'),
  ]),
  ...rulesOf('Alibaba Cloud', 'https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair', [
    known('alibaba-access-key-id', 'AccessKey ID', 'LTAI<alnum 12-20>', { confidence: 'medium' }),
    named('alibaba-access-key-secret', 'AccessKey secret', ['aliyun', 'alibaba', 'alicloud', 'aliyuncs'], '<alnum 30>'),
    named('alibaba-dashscope', 'Model Studio API key', ['dashscope', 'qwen'], 'sk-<hex 32>'),
  ]),
  ...rulesOf('Tencent Cloud', 'https://www.tencentcloud.com/document/product/598', [
    known('tencent-secret-id', 'SecretId', 'AKID<alnum 32>'),
    named('tencent-secret-key', 'SecretKey', ['tencent', 'qcloud'], '<alnum 32>'),
  ]),
  ...rulesOf('Yandex Cloud', 'https://yandex.cloud/en/docs/iam/concepts/authorization/', [
    known('yandex-oauth', 'OAuth token', 'y0_<url 55>'),
    known('yandex-api', 'API key of a service account', 'AQVN<url 35-38>'),
    named('yandex-static', 'static access key', ['yandex', 'yc_', 'aws_secret_access'], 'YC<url 38>'),
    known('yandex-iam', 'IAM token', 't1.9eu<url 20-400>.<url 86>'),
  ]),
  ...rulesOf('IBM Cloud', 'https://cloud.ibm.com/docs/account?topic=account-userapikey', [
    named('ibmcloud-api', 'API key', ['ibmcloud', 'ibm_cloud', 'ibm-cloud', 'bluemix', 'ic_api'], '<url 44>'),
  ]),
  ...rulesOf('Oracle Cloud', 'https://docs.oracle.com/en-us/iaas/Content/Identity/Tasks/managingcredentials.htm', [
    named('oracle-customer-secret-key', 'customer secret key', ['oci_', 'oraclecloud', 'oracle_cloud'], '<base64 43>='),
  ]),
  ...rulesOf('UpCloud', 'https://developers.upcloud.com/', [known('upcloud-api', 'API token', 'ucat_<upper 26>')]),
  ...rulesOf('Exoscale', 'https://community.exoscale.com/documentation/', [
    known('exoscale-key', 'API key', 'EXO<hex 24>'),
    named('exoscale-secret', 'API secret', ['exoscale'], '<url 43>'),
  ]),
  ...rulesOf('Civo', 'https://www.civo.com/docs', [named('civo-api', 'API key', ['civo_', 'civo-', 'civo.com'], '<alnum 50>')]),
  ...rulesOf('Koyeb', 'https://www.koyeb.com/docs', [named('koyeb-api', 'API token', ['koyeb'], '<lower 64>')]),
  ...rulesOf('Backblaze', 'https://www.backblaze.com/docs/', [
    named('backblaze-application-key', 'application key', ['backblaze', 'b2_app', 'b2_'], 'K00<base64 28>'),
  ]),
  ...rulesOf('Equinix Metal', 'https://deploy.equinix.com/developers/docs/metal/', [
    named('equinix-metal-api', 'API key', ['metal_auth', 'packet_auth', 'equinix', 'packet_api'], '<alnum 32>'),
  ]),
  ...rulesOf('Porkbun', 'https://porkbun.com/api/json/v3/documentation', [
    known('porkbun-secret', 'secret API key', 'sk1_<hex 64>'),
    known('porkbun-api', 'API key', 'pk1_<hex 64>'),
  ]),
  ...rulesOf('DuckDNS', 'https://www.duckdns.org/spec.jsp', [named('duckdns-token', 'account token', ['duckdns'], '<uuid>')]),
  ...rulesOf('Namecheap', 'https://www.namecheap.com/support/api/intro/', [
    named('namecheap-api', 'API key', ['namecheap'], '<hex 32>'),
  ]),
]
