import { isOver } from '../../src/credentials/rotation/rotation-record.ts'
import { openRig } from '../credentials/rotation/rig.ts'

/** Begins one rotation and is killed at the moment it is told, the so-manieth time that comes; `blind` without a list of keys. */
const [, , directory = '', port = '', moment = '', times = '1', blind] = process.argv
let left = Number(times)
const rig = await openRig(directory, Number(port), {
  at(now) {
    if (now !== moment) return
    left -= 1
    if (left === 0) process.kill(process.pid, 'SIGKILL')
  },
})
await rig.begin(blind === undefined ? {} : ({ find: undefined } as never))
if (moment === 'begun') process.kill(process.pid, 'SIGKILL')
while (!isOver(await rig.newest())) await new Promise((next) => setTimeout(next, 10))
