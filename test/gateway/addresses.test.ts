import assert from 'node:assert/strict'
import { BlockList, isIPv6 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { StintError } from '../../src/errors.ts'
import { classify, isAllowed, parseAddress, parseCidr } from '../../src/gateway/addresses.ts'

const KINDS = [
  ['metadata', ['169.254.169.254', '169.254.170.2', '100.100.100.200', '168.63.129.16', 'fd00:ec2::254', 'fd20:ce::254']],
  ['metadata', ['::ffff:169.254.169.254', '::169.254.169.254', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::', '2001:0:a9fe:a9fe::']],
  ['metadata', ['2001:0:1::5601:5601', '64:ff9b:1::169.254.169.254', 'fe80::5efe:169.254.169.254', '2606::200:5efe:a9fe:a9fe']],
  ['loopback', ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::127.0.0.1']],
  ['link-local', ['169.254.0.1', 'fe80::1', 'febf::1', '::ffff:169.254.1.1']],
  ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', '100.64.0.1', '100.127.255.255', 'fc00::1', 'fdff::1']],
  ['private', ['fec0::1', '64:ff9b::10.0.0.1', '2606:4700::5efe:10.0.0.1', '::ffff:a00:1']],
  ['multicast', ['224.0.0.1', '239.255.255.255', 'ff02::1']],
  ['broadcast', ['255.255.255.255']],
  ['unspecified', ['0.0.0.0', '0.1.2.3', '::']],
  ['documentation', ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1']],
  ['benchmarking', ['198.18.0.1', '198.19.255.255', '2001:2::1']],
  [
    'reserved',
    [
      '240.0.0.1',
      '192.0.0.1',
      '192.88.99.1',
      '2002:808:808::1',
      '2001:0:808:808::1',
      '::8.8.8.8',
      '100::1',
      '4000::1',
      '5f00::1',
    ],
  ],
  ['reserved', ['', 'localhost', '127.1', '0x7f000001', '2130706433', '010.0.0.1', 'fe80::1%eth0', '1.2.3.4/8', '[::1]']],
  [
    'public',
    ['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.0', '100.63.255.255', '100.128.0.0', '128.0.0.1', '223.255.255.255'],
  ],
  ['public', ['2606:4700::1111', '2a00::1', '64:ff9b::8.8.8.8', '::ffff:8.8.8.8', '2001:200::1', '2003::1']],
] as const

for (const [kind, addresses] of KINDS) {
  test(`${addresses.slice(0, 3).join(', ')} … are ${kind}`, () => {
    for (const address of addresses) assert.equal(classify(address), kind, address)
  })
}

test('a private address is allowed only inside a network that the target lists', () => {
  assert.equal(isAllowed('10.1.2.3', []), false)
  assert.equal(isAllowed('10.1.2.3', ['10.0.0.0/8']), true)
  assert.equal(isAllowed('10.1.2.3', ['192.168.0.0/16', '10.1.2.3']), true)
  assert.equal(isAllowed('11.1.2.3', ['10.0.0.0/8']), true)
  assert.equal(isAllowed('10.1.2.3', ['10.1.2.4/32']), false)
  assert.equal(isAllowed('::ffff:10.1.2.3', ['10.0.0.0/8']), true)
  assert.equal(isAllowed('64:ff9b::10.1.2.3', ['10.0.0.0/8']), false)
  assert.equal(isAllowed('fd00::1', ['fd00::/8']), true)
  assert.equal(isAllowed('fd00::1', ['0.0.0.0/0']), false)
  assert.equal(isAllowed('127.0.0.1', ['::/0']), false)
  assert.equal(isAllowed('not an address', ['0.0.0.0/0', '::/0']), false)
})

test('a metadata address is allowed only by an entry for it alone', () => {
  for (const wide of ['0.0.0.0/0', '169.254.0.0/16', '169.254.169.254/31'])
    assert.equal(isAllowed('169.254.169.254', [wide]), false)
  assert.equal(isAllowed('169.254.169.254', ['169.254.169.254/32']), true)
  assert.equal(isAllowed('169.254.169.254', ['169.254.169.253/32']), false)
  assert.equal(isAllowed('fd00:ec2::254', ['fd00::/8']), false)
  assert.equal(isAllowed('fd00:ec2::254', ['fd00:ec2::254/128']), true)
  assert.equal(isAllowed('2002:a9fe:a9fe::1', ['2002::/16']), false)
})

test('what is not a network is refused', () => {
  for (const text of [
    '',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    '::/129',
    'fd00::/x',
    'host/8',
    '10.0.0.0/8 ',
  ]) {
    assert.throws(
      () => parseCidr(text),
      (thrown) => thrown instanceof StintError && thrown.code === 'invalid_argument',
      text,
    )
  }
})

const octets = fc.uint8Array({ minLength: 4, maxLength: 4 })
const asV4 = (bytes: Uint8Array) => bytes.join('.')
const v4 = fc.oneof(
  octets.map(asV4),
  fc
    .tuple(
      fc.constantFrom('10', '100.64', '127', '169.254', '172.16', '192.168', '192.0.2', '198.18', '224', '255.255.255'),
      octets,
    )
    .map(([start, rest]) => [...start.split('.'), ...rest].slice(0, 4).join('.')),
)
const v6 = fc.oneof(
  fc.ipV6(),
  fc
    .tuple(fc.constantFrom('::', '::ffff:', '64:ff9b::', 'fe80::', 'fd00:ec2::', '2001:db8::', '2002:7f00:1::'), v4)
    .map((parts) => parts.join('')),
)

test('an address is the same bytes in every spelling that a URL parser knows', () => {
  fc.assert(
    fc.property(v6, (address) => {
      const bytes = parseAddress(address)
      assert.ok(isIPv6(address) && bytes)
      const spelled = new URL(`http://[${address}]`).hostname.slice(1, -1)
      assert.deepEqual(parseAddress(spelled), bytes)
      assert.deepEqual(parseAddress(address.toUpperCase()), bytes)
    }),
    { numRuns: 3000 },
  )
})

test('a network contains what node:net says it contains', () => {
  const oneOf = fc.oneof(
    fc.tuple(fc.constant('ipv4' as const), v4, v4, fc.nat(32)),
    fc.tuple(fc.constant('ipv6' as const), v6, v6, fc.nat(128)),
  )
  fc.assert(
    fc.property(oneOf, fc.boolean(), ([family, network, other, bits], near) => {
      const isMapped = (address: string) => family === 'ipv6' && parseAddress(address)?.length === 4
      const address = near ? network : other
      fc.pre(!isMapped(network) && !isMapped(address) && classify(address) !== 'public' && classify(address) !== 'metadata')
      const oracle = new BlockList()
      oracle.addSubnet(network, bits, family)
      assert.equal(isAllowed(address, [`${network}/${bits}`]), oracle.check(address, family))
    }),
    { numRuns: 3000 },
  )
})

/** The IANA special-purpose registries again, as node:net reads them. */
function specialAddresses(): BlockList {
  const list = new BlockList()
  for (const [network, bits] of [
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.0.2.0', 24],
    ['192.88.99.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['198.51.100.0', 24],
    ['203.0.113.0', 24],
    ['224.0.0.0', 3],
    ['168.63.129.16', 32],
  ] as const)
    list.addSubnet(network, bits, 'ipv4')
  return list
}

test('an IPv4 address is public exactly when no special network of node:net’s has it, alone and mapped and behind NAT64', () => {
  const special = specialAddresses()
  fc.assert(
    fc.property(v4, (address) => {
      const expected = special.check(address, 'ipv4')
      assert.equal(classify(address) !== 'public', expected)
      assert.equal(classify(`::ffff:${address}`), classify(address))
      assert.equal(classify(`64:ff9b::${address}`), classify(address))
      assert.notEqual(classify(`::${address}`), 'public')
    }),
    { numRuns: 5000 },
  )
})

test('an IPv6 address outside global unicast is never public', () => {
  const unicast = new BlockList()
  unicast.addSubnet('2000::', 3, 'ipv6')
  unicast.addSubnet('64:ff9b::', 96, 'ipv6')
  fc.assert(
    fc.property(v6, (address) => {
      if (parseAddress(address)?.length === 16 && !unicast.check(address, 'ipv6')) assert.notEqual(classify(address), 'public')
    }),
    { numRuns: 3000 },
  )
})

test('text that is no address is never allowed', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (parseAddress(text) === undefined) assert.equal(isAllowed(text, ['0.0.0.0/0', '::/0']), false)
    }),
  )
})
