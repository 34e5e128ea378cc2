import type { WireSession } from './wire-session.ts'

/** The SSH sessions that are open through this gateway, by the task and by what the server's host key signed their key exchange with. */
export interface SshSessions {
  /** Answers how to forget it. */
  add(taskId: string, signature: Buffer, place: WireSession['place']): () => void
  /** Where the session of this task goes. */
  find(taskId: string, signature: Buffer): WireSession['place'] | undefined
}

/** An empty register. */
export function createSshSessions(): SshSessions {
  const open = new Map<string, WireSession['place']>()
  const nameOf = (taskId: string, signature: Buffer) => `${taskId} ${signature.toString('base64')}`
  return {
    add(taskId, signature, place) {
      const name = nameOf(taskId, signature)
      open.set(name, place)
      return () => void open.delete(name)
    },
    find: (taskId, signature) => open.get(nameOf(taskId, signature)),
  }
}
