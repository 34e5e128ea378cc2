const raw = ['Host', 'api.github.com', 'User-Agent', 'curl/8.0', 'Accept', '*/*', 'Authorization', 'Bearer x', 'Content-Type', 'application/json', 'Content-Length', '12', 'Accept-Encoding', 'gzip, br', 'Connection', 'keep-alive']
function bench(name: string, f: () => unknown) { for (let i = 0; i < 1e5; i++) f(); let best = 1e9; for (let r = 0; r < 7; r++) { const t0 = performance.now(); for (let i = 0; i < 2e5; i++) f(); best = Math.min(best, (performance.now() - t0) / 0.2) } console.log(name, best.toFixed(0), 'ns') }
let sink: unknown
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/, VALUE = /^[\t\x20-\x7e\x80-\xff]*$/, BADV = /[^\t\x20-\x7e\x80-\xff]/
bench('null obj', () => { const o = Object.create(null); for (let i = 0; i < raw.length; i += 2) o[raw[i]!] = raw[i + 1]; sink = o })
bench('__proto__ null', () => { const o: any = { __proto__: null }; for (let i = 0; i < raw.length; i += 2) o[raw[i]!] = raw[i + 1]; sink = o })
function Rec(this: any) {} ; Rec.prototype = Object.create(null)
bench('plain obj', () => { const o: any = {}; for (let i = 0; i < raw.length; i += 2) o[raw[i]!] = raw[i + 1]; sink = o })
bench('lower', () => { for (let i = 0; i < raw.length; i += 2) sink = raw[i]!.toLowerCase() })
bench('name re', () => { for (let i = 0; i < raw.length; i += 2) sink = NAME.test('content-type') })
bench('value re', () => { for (let i = 1; i < raw.length; i += 2) sink = VALUE.test(raw[i]!) })
bench('bad value re', () => { for (let i = 1; i < raw.length; i += 2) sink = BADV.test(raw[i]!) })
bench('value loop', () => { for (let i = 1; i < raw.length; i += 2) { const v = raw[i]!; let ok = true; for (let j = 0; j < v.length; j++) { const c = v.charCodeAt(j); if ((c < 32 && c !== 9) || c === 127 || c > 255) ok = false } sink = ok } })
const m = new Map(raw.map((x) => [x, x.toLowerCase()]))
bench('map', () => { for (let i = 0; i < raw.length; i += 2) sink = m.get(raw[i]!) })
