import { openRig } from '../credentials/leases-rig.ts'
import { TASK } from '../credentials/permit.ts'

/** Mints and revokes one credential, and is killed at the moment it is told, before or after what happens then. */
const [, , directory = '', moment = ''] = process.argv
const rig = await openRig(directory, {
  at(now) {
    if (now === moment) process.kill(process.pid, 'SIGKILL')
  },
})
const { record } = await rig.ask()
if (moment === 'active') process.kill(process.pid, 'SIGKILL')
rig.leases.end({ kind: 'task', id: TASK.id }, { why: 'the task ended' })
if (moment === 'revoking') process.kill(process.pid, 'SIGKILL')
await rig.leases.settled(record.id)
process.kill(process.pid, 'SIGKILL')
