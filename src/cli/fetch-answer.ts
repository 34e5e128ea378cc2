import type { Answer } from '../scanner/remote/read-pages.ts'

const MOST_BYTES = 64 << 20
const MOST_MS = 120_000

/** One GET by way of the task's gateway (Node's NODE_USE_ENV_PROXY, which `stint run` sets). Redirects are answers. Rejects when there is none. */
export async function fetchAnswer(url: string): Promise<Answer> {
  const answer = await fetch(url, {
    redirect: 'manual',
    headers: { accept: 'application/json', 'user-agent': 'stint-scan' },
    signal: AbortSignal.timeout(MOST_MS),
  })
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.length
    if (size > MOST_BYTES) throw new Error(`it is more than ${MOST_BYTES >> 20} MB`)
    chunks.push(chunk)
  }
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body: Buffer.concat(chunks) }
}
