import type { CredentialListing, Page, PolicyStatus, ProbeStep, Status } from '../../api/verbs.ts'
import { openCheckpoint, parseVerifier } from '../../audit/checkpoint.ts'
import type { SealListing } from '../../glass/glass.ts'
import { isWell } from '../../glass/opening.ts'
import type { Target } from '../../model.ts'
import { type Check, fail, ok, warn } from './check.ts'

/** How old the last drill that went well may be. */
const DRILL_DAYS = 90
const DRILL_MS = DRILL_DAYS * 86_400_000

const whileRunning = (what: string, look: Check['look']): Check => ({
  what,
  look: (patient) => (patient.running ? look(patient) : ok('not checked: Stint is not running')),
})

/** What only a running server can tell. */
export const SERVER: readonly Check[] = [
  {
    what: 'server',
    look: async ({ running, call }) => {
      if (!running) return fail('not running', 'start it: stint start')
      const { version, api, gateway } = await call<Status>('GET', '/v1/status')
      return ok(`${version}, API ${api}, gateway ${gateway}`)
    },
  },
  whileRunning('policies', async ({ call }) => {
    const { policies, refused } = await call<PolicyStatus>('GET', '/v1/policy')
    if (refused === undefined) return ok(`${policies} in force`)
    return fail(`the newest set is refused, an older one serves: ${refused}`, 'correct it: stint policy check')
  }),
  whileRunning('targets', async ({ call }) => {
    const { items: targets } = await call<Page<Target>>('GET', '/v1/targets?limit=500')
    const { items: credentials } = await call<Page<CredentialListing>>('GET', '/v1/credentials?limit=500')
    const bare = targets.filter((one) => one.credentialId !== undefined && !credentials.some(({ id }) => id === one.credentialId))
    if (targets.length === 0) return warn('none is declared, so everything is refused', 'add one: stint target add github')
    const handing = targets.filter(({ handsOut }) => handsOut).map(({ id }) => id)
    if (bare.length === 0 && handing.length > 0)
      return warn(
        `${handing.join(', ')} hand out what is made for a task: what programs do with it is neither decided nor recorded`,
        'where they can be proxied, declare the target without --hand-out',
      )
    if (bare.length === 0) return ok(`${targets.length}, each with what it needs`)
    const [first] = bare
    return fail(
      `${bare.map(({ id }) => id).join(', ')} without a credential`,
      `add it: stint credential add ${first?.credentialId ?? first?.id}`,
    )
  }),
  whileRunning('break-glass', async ({ call, now }) => {
    const { items: seals } = await call<Page<SealListing>>('GET', '/v1/seals?limit=500')
    const owed = seals.filter(({ last }) => last?.state === 'closed' && last.openedAt !== undefined && last.review === undefined)
    if (owed[0]?.last !== undefined)
      return warn(
        `${owed.map(({ credentialId }) => credentialId).join(', ')} waits for a review`,
        `stint break-glass review ${owed[0].last.id}`,
      )
    const stale = seals.filter(({ lastDrill: drill }) => !drill || !isWell(drill) || (drill.endedAt ?? 0) < now - DRILL_MS)
    if (stale.length === 0) return ok(seals.length === 0 ? 'nothing is sealed' : `${seals.length} sealed, each drilled`)
    const names = stale.map(({ credentialId }) => credentialId)
    return warn(`no drill of ${names.join(', ')} went well in ${DRILL_DAYS} days`, `stint break-glass drill ${names[0]}`)
  }),
  whileRunning('audit log', async ({ call }) => {
    const { audit } = await call<Status>('GET', '/v1/status')
    if (!audit.writable)
      return fail('it cannot be written, so everything is refused', 'make room or repair the disk; it recovers by itself')
    const [note, key] = [await call<string>('GET', '/v1/audit/checkpoint'), await call<string>('GET', '/v1/audit/public-key')]
    const { size } = openCheckpoint(note, parseVerifier(key.trim()))
    return ok(`${audit.entries} entries, the checkpoint over ${size} verifies; \`stint audit verify\` checks them all`)
  }),
]

/** One row for each step of reaching a target. */
export function targetChecks(id: string): Check {
  return {
    what: `target ${id}`,
    look: async ({ call, running }) => {
      if (!running) return fail('Stint is not running', 'start it: stint start')
      const { steps } = await call<{ steps: readonly ProbeStep[] }>('POST', `/v1/targets/${encodeURIComponent(id)}/probe`)
      const broken = steps.find((step) => !step.ok)
      if (broken === undefined) return ok(steps.map(({ step }) => step).join(', '))
      return fail(`${broken.step}: ${broken.detail}`, `look at it: stint target show ${id}`)
    },
  }
}
