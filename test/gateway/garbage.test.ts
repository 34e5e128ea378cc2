import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const MODULE = new URL('../../src/gateway/garbage.ts', import.meta.url).href

/** MiB of buffers at the most while 256 MiB of chunks are dropped one by one, of which each is counted as `share` of its bytes. */
function mostHeld(share: number): number {
  const script = `
    import { countGarbage } from ${JSON.stringify(MODULE)}
    let most = 0
    for (let i = 0; i < 4096; i++) {
      Buffer.allocUnsafeSlow(65536)
      countGarbage(65536 * ${share})
      most = Math.max(most, process.memoryUsage().arrayBuffers)
    }
    console.log(most / 2 ** 20)`
  const { stdout } = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script], { encoding: 'utf8' })
  return Number(stdout)
}

test('what large bodies leave behind is collected as it passes', () => {
  const [counted, uncounted] = [mostHeld(1), mostHeld(0)]
  assert.ok(counted < 0.75 * uncounted, `${counted} MiB were held, ${uncounted} MiB without counting`)
})
