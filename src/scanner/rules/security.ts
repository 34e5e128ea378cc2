import { known, named } from '../rows.ts'
import { type Rule, rulesOf } from '../rule.ts'

/** Who looks for holes, and who tests. */
export const security: readonly Rule[] = [
  ...rulesOf('Snyk', 'https://docs.snyk.io/snyk-api/authentication-for-api', [
    named('snyk-api-token', 'API token', ['snyk'], '<uuid>'),
  ]),
  ...rulesOf('SonarQube', 'https://docs.sonarsource.com/sonarqube-server/', [
    known('sonarqube-user-token', 'user token', 'squ_<hex 40>'),
    known('sonarqube-project-token', 'project analysis token', 'sqp_<hex 40>'),
    known('sonarqube-global-token', 'global analysis token', 'sqa_<hex 40>'),
    named('sonarqube-token-classic', 'token (classic, and of the cloud)', ['sonar'], '<hex 40>'),
  ]),
  ...rulesOf('Semgrep', 'https://semgrep.dev/docs/', [named('semgrep-app-token', 'app token', ['semgrep'], '<hex 64>')]),
  ...rulesOf('GitGuardian', 'https://docs.gitguardian.com/', [
    named('gitguardian-api-key', 'API key', ['gitguardian'], '<alnum 70-72>'),
  ]),
  ...rulesOf('Shodan', 'https://developer.shodan.io/api', [named('shodan-api-key', 'API key', ['shodan'], '<alnum 32>')]),
  ...rulesOf('VirusTotal', 'https://docs.virustotal.com/', [
    named('virustotal-api-key', 'API key', ['virustotal', 'vt_api'], '<hex 64>'),
  ]),
  ...rulesOf('AbuseIPDB', 'https://docs.abuseipdb.com/', [named('abuseipdb-api-key', 'API key', ['abuseipdb'], '<hex 80>')]),
  ...rulesOf('Have I Been Pwned', 'https://haveibeenpwned.com/API/v3', [
    named('hibp-api-key', 'API key', ['hibp', 'haveibeenpwned'], '<hex 32>'),
  ]),
  ...rulesOf('Censys', 'https://docs.censys.com/', [named('censys-api-secret', 'API secret', ['censys'], '<alnum 32>')]),
  ...rulesOf('SecurityTrails', 'https://docs.securitytrails.com/', [
    named('securitytrails-api-key', 'API key', ['securitytrails'], '<alnum 32>'),
  ]),
  ...rulesOf('urlscan', 'https://docs.urlscan.io/', [named('urlscan-api-key', 'API key', ['urlscan'], '<uuid>')]),
  ...rulesOf('GreyNoise', 'https://docs.greynoise.io/', [named('greynoise-api-key', 'API key', ['greynoise'], '<alnum 64>')]),
  ...rulesOf('AlienVault', 'https://otx.alienvault.com/api', [
    named('alienvault-otx-key', 'OTX key', ['alienvault', 'otx_'], '<hex 64>'),
  ]),
  ...rulesOf('Hunter', 'https://hunter.io/api-documentation', [
    named('hunter-api-key', 'API key', ['hunter_', 'hunter.io', 'hunterio'], '<hex 40>'),
  ]),
  ...rulesOf('IPinfo', 'https://ipinfo.io/developers', [
    named('ipinfo-token', 'access token', ['ipinfo'], '<hex 14>', { confidence: 'low' }),
  ]),
  ...rulesOf('ipstack', 'https://ipstack.com/documentation', [named('ipstack-key', 'access key', ['ipstack'], '<hex 32>')]),
  ...rulesOf('WhoisXML', 'https://www.whoisxmlapi.com/documentation/', [
    named('whoisxml-key', 'API key', ['whoisxml'], 'at_<alnum 29>'),
  ]),
  ...rulesOf('Clearbit', 'https://clearbit.com/docs', [named('clearbit-key', 'secret API key', ['clearbit'], 'sk_<hex 32>')]),
  ...rulesOf('CrowdStrike', 'https://developer.crowdstrike.com/', [
    named('crowdstrike-secret', 'client secret', ['crowdstrike', 'falcon_'], '<alnum 40>'),
  ]),
  ...rulesOf('Tenable', 'https://developer.tenable.com/', [
    named('tenable-key', 'access or secret key', ['tenable', 'nessus'], '<hex 64>'),
  ]),
  ...rulesOf('Rapid7', 'https://docs.rapid7.com/', [named('rapid7-key', 'API key', ['rapid7', 'insightvm'], '<uuid>')]),
  ...rulesOf('Socket', 'https://docs.socket.dev/', [known('socket-api-token', 'API token', 'sktsec_<url 40-60>_api')]),
  ...rulesOf('StackHawk', 'https://docs.stackhawk.com/', [known('stackhawk-key', 'API key', 'hawk.<url 20>.<url 20>')]),
  ...rulesOf('Veracode', 'https://docs.veracode.com/', [named('veracode-key', 'secret key', ['veracode'], '<hex 128>')]),
  ...rulesOf('FOSSA', 'https://docs.fossa.com/', [named('fossa-key', 'API key', ['fossa'], '<hex 32>')]),
  ...rulesOf('Codacy', 'https://docs.codacy.com/', [named('codacy-token', 'API or project token', ['codacy'], '<alnum 20-32>')]),
  ...rulesOf('BrowserStack', 'https://www.browserstack.com/docs/', [
    named('browserstack-key', 'access key', ['browserstack'], '<alnum 20>'),
  ]),
  ...rulesOf('Sauce Labs', 'https://docs.saucelabs.com/', [
    named('saucelabs-key', 'access key', ['saucelabs', 'sauce_'], '<uuid>'),
  ]),
  ...rulesOf('LambdaTest', 'https://www.lambdatest.com/support/docs/', [
    named('lambdatest-key', 'access key', ['lambdatest', 'lt_access'], '<alnum 50>'),
  ]),
  ...rulesOf('Chromatic', 'https://www.chromatic.com/docs/', [known('chromatic-token', 'project token', 'chpt_<hex 12-16>')]),
  ...rulesOf('Cypress', 'https://docs.cypress.io/', [
    named('cypress-record-key', 'record key', ['cypress_record', 'cypress'], '<uuid>', { confidence: 'low' }),
  ]),
  ...rulesOf('Percy', 'https://www.browserstack.com/docs/percy', [named('percy-token', 'project token', ['percy'], '<hex 64>')]),
  ...rulesOf('Applitools', 'https://applitools.com/docs/', [named('applitools-key', 'API key', ['applitools'], '<alnum 44-60>')]),
]
