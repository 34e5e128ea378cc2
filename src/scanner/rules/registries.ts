import { crc32 } from 'node:zlib'
import { base62 } from '../checksum.ts'
import { readMacaroon } from '../macaroon.ts'
import { token } from '../pattern.ts'
import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64, digits } from '../sample.ts'

/** npm's tokens end in the CRC-32 of what follows their prefix, in base 62. */
const npm = (body: string): string => `npm_${body}${base62(crc32(body), 6)}`

/** A macaroon without caveats. */
function pypi(location: string, identifier: string, signature = alnum(32)): string {
  const field = (type: number, text: string) => Buffer.concat([Buffer.from([type, text.length]), Buffer.from(text)])
  const parts = [Buffer.from([2]), field(1, location), field(2, identifier), Buffer.from([0, 0]), field(6, signature)]
  return `pypi-${Buffer.concat(parts).toString('base64url')}`
}

const locationOf = (secret: string): string | undefined => readMacaroon(Buffer.from(secret.slice(5), 'base64url'))?.location

/** A reference token of JFrog says in base 64 when it ends. */
const REFERENCE = /^reftkn:\d{2}:(\d{10}):/
const reference = (text: string): string => Buffer.from(text).toString('base64').replace(/=+$/, '')
const open = (secret: string): string => Buffer.from(secret, 'base64').toString('latin1')

/** Registries of packages and images. */
export const registries = [
  ...rulesOf('npm', 'https://docs.npmjs.com/about-access-tokens', [
    known('npm-access', 'access token', 'npm_<alnum 36>', {
      check: (secret) => npm(secret.slice(4, -6)) === secret,
      samples: () => ({
        hits: [npm(alnum(30)), [`//registry.npmjs.org/:_authToken=${npm(alnum(30, 2))}`, npm(alnum(30, 2))]],
        misses: [`npm_${alnum(36)}`, npm(alnum(29)), npm(alnum(31)), `x${npm(alnum(30))}`],
      }),
    }),
    named('npm-legacy', 'access token (legacy)', ['npmjs.org', 'npm_'], '<uuid>'),
  ]),
  ...rulesOf('PyPI', 'https://pypi.org/help/#apitoken', [
    {
      id: 'pypi-api',
      title: 'API token',
      keywords: ['pypi-ageichlwas5vcmc', 'pypi-agendgvzdc5wexbplm9yz'],
      pattern: token('pypi-AgE[0-9A-Za-z_-]{80,600}'),
      confidence: 'high',
      reach: { before: 8, after: 640 },
      check: (secret) => /^(?:test\.)?pypi\.org$/.test(locationOf(secret) ?? ''),
      facts: (secret) => ({ index: locationOf(secret) ?? '' }),
      samples: () => ({
        hits: [pypi('pypi.org', alnum(36)), [`password = ${pypi('test.pypi.org', alnum(80))}`, pypi('test.pypi.org', alnum(80))]],
        misses: [
          pypi('pypi.org', alnum(36)).slice(0, -2),
          pypi('pypi.org', alnum(36), alnum(31)),
          `pypi-AgEIcHlwaS5vcmc${alnum(120)}`,
          pypi('pypi.orgs', alnum(36)),
        ],
      }),
    },
  ]),
  ...rulesOf('RubyGems', 'https://guides.rubygems.org/api-key-scopes/', [known('rubygems-api', 'API key', 'rubygems_<hex 48>')]),
  ...rulesOf('crates.io', 'https://doc.rust-lang.org/cargo/reference/publishing.html', [
    named('crates-api', 'API token', ['cargo_registr', 'crates.io', 'crates-io', 'crates_io'], 'cio<alnum 32>'),
  ]),
  ...rulesOf('NuGet', 'https://learn.microsoft.com/en-us/nuget/nuget-org/publish-a-package', [
    known('nuget-api', 'API key', 'oy2<lower 43>'),
  ]),
  ...rulesOf('Maven Central', 'https://central.sonatype.org/publish/generate-portal-token/', [
    named(
      'maven-central-token',
      'password of a user token',
      ['ossrh', 'sonatype', 'mavencentral', 'maven_central'],
      '<base64 44>',
    ),
  ]),
  ...rulesOf('Gradle Plugin Portal', 'https://docs.gradle.org/current/userguide/publishing_gradle_plugins.html', [
    named('gradle-publish', 'publishing secret', ['gradle.publish', 'gradle_publish'], '<alnum 48>'),
  ]),
  ...rulesOf('Packagist', 'https://packagist.com/docs', [
    known('packagist-organization-read', 'organization token (read)', 'packagist_ort_<hex 68>'),
    known('packagist-organization-update', 'organization token (update)', 'packagist_out_<hex 68>'),
    known('packagist-user', 'user token', 'packagist_uut_<hex 68>'),
  ]),
  ...rulesOf('JFrog', 'https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-tokens', [
    known('jfrog-api', 'API key', 'AKCp<alnum 69>'),
    {
      id: 'jfrog-reference',
      title: 'reference token',
      keywords: ['cmvmdgtu'],
      pattern: token('cmVmdGtu[0-9A-Za-z+/]{40,100}'),
      confidence: 'high',
      check: (secret) => REFERENCE.test(open(secret)),
      facts: (secret) => ({ expires: REFERENCE.exec(open(secret))?.[1] ?? '' }),
      samples: () => {
        const one = reference(`reftkn:01:1${digits(9)}:${alnum(26)}`)
        return {
          hits: [one, [`JFROG_TOKEN=${one}`, one]],
          misses: [reference(`reftkn:01:soon:${alnum(30)}`), `cmVmdGtu${base64(56)}`, `x${one}`],
        }
      },
    },
  ]),
  ...rulesOf('Docker Hub', 'https://docs.docker.com/security/access-tokens/', [
    known('docker-pat', 'personal access token', 'dckr_pat_<url 27>'),
    known('docker-oat', 'organization access token', 'dckr_oat_<url 32>'),
  ]),
  ...rulesOf('Clojars', 'https://github.com/clojars/clojars-web/wiki/Deploy-Tokens', [
    known('clojars-deploy', 'deploy token', 'CLOJARS_<hex 60>'),
  ]),
  ...rulesOf('CocoaPods', 'https://guides.cocoapods.org/making/getting-setup-with-trunk.html', [
    named('cocoapods-trunk', 'trunk token', ['cocoapods'], '<hex 32>'),
  ]),
  ...rulesOf('Hex', 'https://hex.pm/docs/publish', [named('hex-api', 'API key', ['hex_api', 'hexpm', 'hex.pm'], '<hex 32>')]),
  ...rulesOf('Cloudsmith', 'https://help.cloudsmith.io/', [named('cloudsmith-api', 'API key', ['cloudsmith'], '<hex 40>')]),
  ...rulesOf('Quay', 'https://docs.quay.io/', [
    named('quay-robot', 'token of a robot account', ['quay.io', 'quay_'], '<upper 64>'),
  ]),
  ...rulesOf('Deno', 'https://docs.deno.com/deploy/', [
    known('deno-deploy-personal', 'access token of Deno Deploy', 'ddp_<alnum 36>'),
    known('deno-deploy-organization', 'organization token of Deno Deploy', 'ddo_<alnum 36>'),
  ]),
]
