import { createDial } from '../gateway/dial.ts'
import { createIo } from '../gateway/io.ts'
import type { Finding } from '../scanner/finding.ts'
import type { Skipped } from '../scanner/job.ts'
import type { ToldSecrets } from '../scanner/verify/told-secrets.ts'
import { NOT_ASKED, type Send, verify } from '../scanner/verify/verify.ts'

const CONNECT_MS = 10_000

/** The findings with what their providers say, asked over the product's one way out; the live ones first. And what was not asked about. */
export async function verifyFindings(
  findings: readonly Finding[],
  secrets: Pick<ToldSecrets, 'get'>,
): Promise<{ readonly findings: readonly Finding[]; readonly skipped: readonly Skipped[] }> {
  const dial = createDial({ connectTimeoutMs: CONNECT_MS })
  const send: Send = ({ method, url, headers }) => {
    const place = { scheme: 'https', host: new URL(url).hostname, port: 443 } as const
    return createIo(dial, [place], { privateNetworks: [] }, Date.now).exchange({ method, url, headers })
  }
  const verdicts = await verify(findings, { send, secret: (fingerprint) => secrets.get(fingerprint) })
  const said = findings.map((finding) => {
    const verdict = verdicts.get(finding.fingerprint)
    return verdict === undefined ? finding : { ...finding, verdict }
  })
  const left = said.filter(({ verdict }) => verdict?.why === NOT_ASKED)
  return {
    findings: said.toSorted((one, other) => Number(other.verdict?.is === 'live') - Number(one.verdict?.is === 'live')),
    skipped: left.length === 0 ? [] : [{ what: `verifying ${left.length} of ${findings.length} secrets`, why: NOT_ASKED }],
  }
}
