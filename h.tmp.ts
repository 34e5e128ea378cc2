import { canonicalTarget, checkHeaders } from './src/gateway/canonical.ts'
import { createScrubber } from './src/gateway/scrub.ts'
import { Secret } from './src/secret.ts'
function bench(name: string, f: () => unknown) { for (let i = 0; i < 1e5; i++) f(); let best = 1e9; for (let r = 0; r < 5; r++) { const t0 = performance.now(); for (let i = 0; i < 2e5; i++) f(); best = Math.min(best, (performance.now() - t0) / 0.2) } console.log(name, best.toFixed(0), 'ns') }
bench('plain', () => canonicalTarget({ scheme: 'https', authority: 'api.github.com', target: '/repos/acme/app/pulls/7?state=open' }))
bench('escaped', () => canonicalTarget({ scheme: 'https', authority: 'api.github.com:443', target: '/repos/acme/app/contents/a%20b.txt?ref=main' }))
bench('dotted', () => canonicalTarget({ scheme: 'https', authority: 'api.github.com:443', target: '/repos/acme/app/.github/x' }))
const raw = ['Host', 'api.github.com', 'User-Agent', 'curl/8.0', 'Accept', '*/*', 'Authorization', 'Bearer x', 'Content-Type', 'application/json', 'Content-Length', '12', 'Accept-Encoding', 'gzip, br', 'Connection', 'keep-alive']
bench('headers', () => checkHeaders(raw.map((x) => x), '1.1'))
bench('URL', () => new URL('https://api.github.com/repos/acme/app/pulls/7?state=open'))
const s = createScrubber([new Secret('ghp_abcdefghijklmnopqrstuvwxyz0123456789')])
const rnd = Buffer.from(Array.from({length: 65536}, () => Math.floor(Math.random() * 256)))
const json = Buffer.from(('{"id":12345,"name":"hello world","url":"https://api.github.com/repos/x/y"},').repeat(900))
for (const c of [rnd, json]) { const m = s.mask(); let best = 0; for (let r = 0; r < 5; r++) { const t0 = performance.now(); for (let i = 0; i < 4000; i++) m.push(c); best = Math.max(best, 4000 * c.length / 1e6 / ((performance.now() - t0) / 1000)) } console.log('mask MB/s', best) }
bench('createScrubber', () => createScrubber([new Secret('ghp_abcdefghijklmnopqrstuvwxyz0123456789')]))
