import { token } from '../pattern.ts'
import { known, named } from '../rows.ts'
import { rulesOf } from '../rule.ts'
import { alnum, base64 } from '../sample.ts'

const jetbrains = (mark: string): string => `perm${mark}${base64(8)}.${base64(12)}.${alnum(30)}`

/** Hosts of code other than GitHub and GitLab, and what builds, tests and ships it. */
export const builds = [
  ...rulesOf('Bitbucket', 'https://support.atlassian.com/bitbucket-cloud/docs/access-tokens/', [
    known('bitbucket-app-password', 'app password', 'ATBB<alnum 32>'),
  ]),
  ...rulesOf('Gitea and Forgejo', 'https://docs.gitea.com/development/api-usage', [
    named('gitea-access', 'access token', ['gitea', 'forgejo', 'codeberg'], '<hex 40>'),
  ]),
  ...rulesOf('Sourcegraph', 'https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token', [
    known('sourcegraph-access', 'access token', 'sgp_<hex 16>_<hex 40>'),
    known('sourcegraph-local', 'access token (local)', 'sgp_local_<hex 40>'),
    known('sourcegraph-license', 'license key token', 'slk_<hex 64>'),
    known('sourcegraph-gateway', 'gateway token of a user', 'sgd_<hex 64>'),
  ]),
  ...rulesOf('CircleCI', 'https://circleci.com/docs/managing-api-tokens/', [
    known('circleci-personal', 'personal API token', 'CCIPAT_<base58 22>_<hex 40>'),
    known('circleci-project', 'project API token', 'CCIPRJ_<base58 22>_<hex 40>'),
    named('circleci-legacy', 'API token (legacy)', ['circleci', 'circle_ci', 'circle-'], '<hex 40>'),
  ]),
  ...rulesOf('Travis CI', 'https://docs.travis-ci.com/user/triggering-builds/', [
    named('travis-api', 'API token', ['travis_', 'travis-', 'travisci'], '<url 22>'),
  ]),
  ...rulesOf('Buildkite', 'https://buildkite.com/docs/platform/security/tokens', [
    known('buildkite-api', 'API access token', 'bkua_<alnum 40-60>'),
    known('buildkite-agent-session', 'agent session token', 'bkaa_<alnum 40-90>'),
    named('buildkite-agent', 'agent token', ['buildkite'], '<alnum 50>'),
  ]),
  ...rulesOf('Drone', 'https://docs.drone.io/', [named('drone-access', 'access token', ['drone_', 'drone-'], '<alnum 32>')]),
  ...rulesOf('Jenkins', 'https://www.jenkins.io/doc/book/system-administration/authenticating-scripted-clients/', [
    named('jenkins-api', 'API token', ['jenkins'], '11<hex 32>'),
  ]),
  ...rulesOf('TeamCity', 'https://www.jetbrains.com/help/teamcity/configuring-your-user-profile.html', [
    known('teamcity-access', 'access token', 'eyJ0eXAiOiAiVENWMiJ9.<url 36>.<alnum 48>'),
  ]),
  ...rulesOf('JetBrains', 'https://www.jetbrains.com/help/youtrack/devportal/Manage-Permanent-Token.html', [
    {
      id: 'jetbrains-permanent',
      title: 'permanent token of Hub or YouTrack',
      keywords: ['perm:', 'perm-'],
      pattern: token('perm[:-][0-9A-Za-z+/=]{4,80}\\.[0-9A-Za-z+/=-]{4,80}\\.[0-9A-Za-z]{30}'),
      confidence: 'high',
      samples: () => ({
        hits: [jetbrains(':'), [`YOUTRACK_TOKEN=${jetbrains('-')}`, jetbrains('-')]],
        misses: [
          jetbrains(':').slice(0, -1),
          `${jetbrains(':')}0`,
          jetbrains('_'),
          `perm:${'x'.repeat(8)}.${base64(8)}.${alnum(30)}`,
        ],
      }),
    },
  ]),
  ...rulesOf('Harness', 'https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys/', [
    known('harness-personal', 'personal access token', 'pat.<url 22>.<alnum 24>.<alnum 20>'),
    known('harness-service-account', 'service account token', 'sat.<url 22>.<alnum 24>.<alnum 20>'),
  ]),
  ...rulesOf('Codecov', 'https://docs.codecov.com/docs/codecov-tokens', [
    named('codecov-upload', 'upload token', ['codecov'], '<uuid>'),
  ]),
  ...rulesOf('Coveralls', 'https://docs.coveralls.io/', [
    named('coveralls-repo', 'repository token', ['coveralls'], '<alnum 32>'),
  ]),
  ...rulesOf('Code Climate', 'https://docs.codeclimate.com/', [
    named('codeclimate-reporter', 'test reporter id', ['codeclimate', 'cc_test_reporter'], '<hex 64>'),
  ]),
  ...rulesOf('AppVeyor', 'https://www.appveyor.com/docs/api/', [
    named('appveyor-api', 'API token', ['appveyor'], 'v2.<alnum 20>'),
  ]),
  ...rulesOf('Codefresh', 'https://codefresh.io/docs/', [named('codefresh-api', 'API key', ['codefresh'], '<hex 24>.<hex 32>')]),
  ...rulesOf('Bitrise', 'https://docs.bitrise.io/', [named('bitrise-pat', 'personal access token', ['bitrise'], '<url 86>')]),
  ...rulesOf('Semaphore', 'https://docs.semaphore.io/', [named('semaphore-api', 'API token', ['semaphore'], '<alnum 20>')]),
  ...rulesOf('Expo', 'https://docs.expo.dev/accounts/programmatic-access/', [
    named('expo-access', 'access token', ['expo_', 'expo-', 'eas_'], '<url 40>'),
  ]),
]
