import { isStandIn } from '../likeness.ts'
import { examplesOf, missesOf, sourceOf } from '../look.ts'
import { following, token } from '../pattern.ts'
import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64, base64url, digits } from '../sample.ts'

/** The four letters in a key of a service, and the service. */
const SIGNS_OF_64_BYTES = {
  '+ASt': 'Storage',
  ACDb: 'Cosmos DB',
  '+ABa': 'Batch',
  '+AMC': 'Machine Learning',
  APIM: 'API Management',
}
const SIGNS_OF_32_BYTES = { '+ASb': 'Service Bus', '+AEh': 'Event Hubs', '+ARm': 'Relay', AIoT: 'IoT' }

/** Keys in base 64 that say which service they are of: before the last six letters and the padding. */
function signed(id: string, title: string, signs: Readonly<Record<string, string>>, before: number, padding: string) {
  const marks = Object.keys(signs)
  const make = (mark: string, seed: number) => `${alnum(1)}${base64(before - 1, seed)}${mark}${base64(6, seed)}${padding}`
  return {
    id,
    title,
    source: 'https://github.com/microsoft/security-utilities',
    keywords: marks.map((mark) => mark.toLowerCase()),
    pattern: token(`[0-9A-Za-z+/]{${before}}(?:${marks.join('|').replaceAll('+', '\\+')})[0-9A-Za-z+/]{6}${padding}`),
    confidence: 'high' as const,
    reach: { before, after: 16 },
    facts: (secret: string) => ({ service: signs[secret.slice(before, before + 4)] ?? '' }),
    samples: () => {
      const hits = marks.map(make)
      const [one = ''] = hits
      return {
        hits: [...hits, [`AccountKey=${one};EndpointSuffix=core.windows.net`, one] as const],
        misses: [one.slice(1), `${one}=`, `0${one}`, make('ABCD', 1)],
      }
    },
  }
}

const SIGNS = [...Object.keys(SIGNS_OF_64_BYTES), ...Object.keys(SIGNS_OF_32_BYTES)]

/** What follows a name in a connection string, where it does not say itself what it is. */
const inString = (id: string, title: string, lead: string, look: string) => ({
  id,
  title,
  keywords: [`${lead.toLowerCase()}=`],
  pattern: following(`(?i:${lead})=`, sourceOf(look)),
  confidence: 'high' as const,
  check: (secret: string) => !isStandIn(secret) && !SIGNS.includes(secret.replace(/=+$/, '').slice(-10, -6)),
  samples: () => ({
    hits: examplesOf(look).map((one) => [`Name=a;${lead}=${one};Id=1`, one] as const),
    misses: [
      ...missesOf(look).map((one) => `${lead}=${one}`),
      ...examplesOf(look),
      ...examplesOf(look).map((one) => `x${lead}=${one}`),
    ],
  }),
})

/** The signature of a link: SHA-256 in base 64, percent-encoded. */
const isSignature = (secret: string): boolean => {
  const text = secret.replace(/%2b/gi, '+').replace(/%2f/gi, '/').replace(/%3d/gi, '=')
  return /^[0-9A-Za-z+/]{43}=$/.test(text) && !isStandIn(text)
}

/** Keys and tokens of Microsoft Azure and Azure DevOps. */
export const azure = rulesOf(
  'Azure',
  'https://learn.microsoft.com/en-us/purview/sit-sensitive-information-type-entity-definitions',
  [
    signed('azure-key-64', 'key of a service, of 64 bytes', SIGNS_OF_64_BYTES, 76, '=='),
    signed('azure-key-32', 'key of a service, of 32 bytes', SIGNS_OF_32_BYTES, 33, '='),
    inString('azure-account-key', 'account key of a connection string', 'AccountKey', '<base64 86>=='),
    inString('azure-shared-access-key', 'shared access key of a connection string', 'SharedAccessKey', '<base64 43>='),
    named(
      'azure-account-key-named',
      'key of a storage or Cosmos DB account',
      ['azure_storage', 'storage_account', 'azurestorage', 'cosmos'],
      '<base64 86>==',
    ),
    {
      id: 'azure-annotated-key',
      title: 'annotated key of a service (DevOps, AI services and others)',
      source: 'https://github.com/microsoft/security-utilities',
      keywords: ['jqqj99'],
      pattern: token(sourceOf('<alnum 52>JQQJ99<alnum 26>')),
      confidence: 'high',
      reach: { before: 56, after: 32 },
      facts: (secret) => ({ service: secret.slice(76, 80) }),
      samples: () => {
        const key = `${alnum(52)}JQQJ99${alnum(18, 2)}AZDO${alnum(4)}`
        return {
          hits: [key, [`AZURE_DEVOPS_EXT_PAT=${key}`, key]],
          misses: [key.slice(1), `${key}0`, `${alnum(52)}JQQJ98${alnum(26)}`],
        }
      },
    },
    {
      id: 'azure-sas',
      title: 'signature of a shared access link',
      source: 'https://learn.microsoft.com/en-us/azure/storage/common/storage-sas-overview',
      keywords: ['&sig=', '?sig=', ';sig='],
      pattern: /[&?;]sig=(?<secret>[0-9A-Za-z%+/]{43,120}(?:%3[Dd]|=))(?![0-9A-Za-z%])/,
      confidence: 'medium',
      check: isSignature,
      samples: () => {
        const sig = `${encodeURIComponent(base64(43))}%3D`
        return {
          hits: [
            [`https://a.blob.core.windows.net/b?sv=2024-11-04&sig=${sig}`, sig],
            [`?sig=${base64(43)}=&se=1`, `${base64(43)}=`],
          ],
          misses: [
            `&sig=${encodeURIComponent(base64(42))}%3D`,
            `&sig=${'x'.repeat(43)}%3D`,
            `&sig=${base64(44)}`,
            `sig=${base64(64)}%3D`,
          ],
        }
      },
    },
    {
      id: 'azure-client-secret',
      title: 'client secret of an app registration (Entra ID)',
      source: 'https://learn.microsoft.com/en-us/entra/identity-platform/quickstart-register-app',
      keywords: ['7q~', '8q~'],
      pattern: token('(?:[0-9A-Za-z~.-]{3}7Q~[0-9A-Za-z~._-]{31}|[0-9A-Za-z~.-]{3}8Q~[0-9A-Za-z~._-]{34})'),
      confidence: 'high',
      reach: { before: 8, after: 48 },
      samples: () => {
        const [seven, eight] = [`${alnum(3)}7Q~${base64url(31)}`, `${alnum(3)}8Q~${base64url(34)}`]
        return {
          hits: [seven, eight, [`AZURE_CLIENT_SECRET="${eight}"`, eight]],
          misses: [seven.slice(1), `${eight}0`, `${alnum(3)}8Q~${base64url(33)}`, `${alnum(3)}9Q~${base64url(34)}`],
        }
      },
    },
    named(
      'azure-devops-pat',
      'personal access token of Azure DevOps (legacy)',
      ['azure_devops', 'azuredevops', 'azdo_', 'vsts', 'ado_'],
      '<lower 52>',
    ),
    named('azure-ai-key', 'key of AI services (legacy)', ['azure_openai', 'azureopenai', 'ocp-apim', 'cognitive'], '<hex 32>'),
    known('azure-search-key', 'key of AI Search', '<alnum 42>AzSe<alnum 6>', { keywords: ['azse'] }),
    known('azure-functions-key', 'key of a function', '<url 44>AzFu<url 6>==', { keywords: ['azfu'] }),
    known('azure-cache-key', 'key of Cache for Redis', '<alnum 33>AzCa<alnum 6>=', { keywords: ['azca'] }),
    known('azure-registry-key', 'key of Container Registry', '<alnum 42>+ACR<alnum 6>', { keywords: ['+acr'] }),
    {
      id: 'azure-publish-profile',
      title: 'password of a publish profile',
      keywords: ['userpwd="'],
      pattern: following('userPWD="', '[0-9A-Za-z]{60}'),
      confidence: 'high',
      samples: () => ({
        hits: [[`userName="$a" userPWD="${alnum(60)}" webSystem="WebSites"`, alnum(60)]],
        misses: [`userPWD="${alnum(59)}"`, `userPWD="${alnum(61)}"`, `userPWD="${'x'.repeat(60)}"`, `userID="${digits(60)}"`],
      }),
    },
  ],
)
