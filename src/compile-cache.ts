import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'

/**
 * What has a thread or a process of ours keep its compiled code where this one does: neither inherits that, and without it types are
 * stripped again, which takes longer than most of what they do.
 */
export function compileCacheEnv(): { readonly NODE_COMPILE_CACHE?: string } {
  const cache = getCompileCacheDir()
  return cache === undefined ? {} : { NODE_COMPILE_CACHE: dirname(cache) }
}
