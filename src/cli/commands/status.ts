import type { Status } from '../../api/verbs.ts'
import type { Register } from '../command.ts'
import { facts, fromNow } from '../table.ts'

/** `stint status`: what runs and what is in force. */
export const register: Register = (program, { call, output }) => {
  program
    .command('status')
    .description('show what runs, what is in force and what is open')
    .action(async () => output.print(await call<Status>('GET', '/v1/status'), describe))
}

function describe(status: Status): string {
  const { audit, policy } = status
  return facts([
    ['version', status.version],
    ['started', fromNow(status.startedAt, Date.now())],
    ['API', status.api],
    ['gateway', status.gateway],
    ['live tasks', String(status.liveTasks)],
    ['open exchanges', String(status.openFlows)],
    ['leases', String(status.leases)],
    ['revocations', `${status.revocationsInForce} in force`],
    ['audit', `${audit.entries} entries, ${audit.writable ? 'writable' : 'NOT WRITABLE: everything is refused'}`],
    ['store', status.store === 'ok' ? undefined : `NOT WORKING: ${status.store}`],
    ['policy', `${policy.policies} policies, set ${policy.policySetHash.slice(0, 12)}`],
    ['policy refused', policy.refused],
  ])
}
