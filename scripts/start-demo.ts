import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { visibleNode } from './visible-node.ts'

/** `npm run demo`, on a Node that the sandbox can see. */
const { status } = spawnSync(visibleNode(), [join(import.meta.dirname, 'demo.ts')], { stdio: 'inherit' })
process.exit(status ?? 1)
