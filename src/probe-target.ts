import type { ProbeStep } from './api/verbs.ts'
import { CONNECTORS } from './credentials/connectors/index.ts'
import { asStintError } from './errors.ts'
import type { Dial } from './gateway/dial.ts'
import type { HostRule, Target } from './model.ts'

/** Reaches each exact host of the target, without a credential. */
export async function probeTarget(target: Target, dial: Dial): Promise<readonly ProbeStep[]> {
  const program = CONNECTORS[target.connector]?.programOf?.(target)
  if (program !== undefined)
    return [{ step: `start ${program.command}`, ok: true, detail: 'a program: `stint mcp pin` starts it and asks for its tools' }]
  return Promise.all(target.hosts.map((host) => probeHost(host, target, dial)))
}

async function probeHost({ scheme, host, port }: HostRule, target: Target, dial: Dial): Promise<ProbeStep> {
  const step = `connect to ${scheme}://${host}:${port}`
  if (host.startsWith('*.')) return { step, ok: true, detail: 'a wildcard has no address of its own' }
  try {
    const socket = await dial.dial({ ...target, host, port, tls: scheme === 'https' })
    socket.destroy()
    return { step, ok: true, detail: scheme === 'https' ? 'connected, certificate verified' : 'connected' }
  } catch (thrown) {
    return { step, ok: false, detail: asStintError(thrown).detail }
  }
}
