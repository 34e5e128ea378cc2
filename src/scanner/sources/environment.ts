import type { TextWork } from '../job.ts'

/** The variables of a process, each a place `env:NAME`, read behind its name: by that many a value is known. */
export function listVariables(env: NodeJS.ProcessEnv): TextWork {
  const texts = Object.entries(env).map(([name, value = '']) => ({ path: `env:${name}`, lead: `${name}=`, text: value }))
  return { kind: 'texts', texts, next: new SharedArrayBuffer(4) }
}
