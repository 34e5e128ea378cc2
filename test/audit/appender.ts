import { createPrivateKey } from 'node:crypto'
import { openLog } from '../../src/audit/log.ts'
import { note } from './rig.ts'

/** A process that appends to a log for ever and prints each index once it is acknowledged: `appender.ts <directory> <name> <PEM>`. */
const [directory = '', name = '', pem = ''] = process.argv.slice(2)
const log = await openLog(directory, {
  signer: { name: 'stint.test/audit', privateKey: createPrivateKey(pem) },
  now: Date.now,
  checkpointMs: 3,
})
let number = 0
await Promise.all(
  Array.from({ length: 16 }, async () => {
    for (;;) {
      const text = `${name} ${number++}`
      const index = await log.append(note(text))
      process.stdout.write(`${index} ${text}\n`)
    }
  }),
)
