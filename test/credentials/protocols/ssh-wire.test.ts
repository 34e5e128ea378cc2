import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createPacketReader, createPacketWriter } from '../../../src/credentials/protocols/ssh-packets.ts'
import { MalformedSsh, mpint, readFields, string, uint32, uint64 } from '../../../src/credentials/protocols/ssh-wire.ts'

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))

describe('the fields of an SSH message', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.string({ unit: fc.constantFrom('a', '-', '@', ' ') }), (blob, number, text) => {
        const fields = readFields(Buffer.concat([string(blob), uint32(number), string(text), mpint(blob), string(`${text},b`)]))
        assert.deepEqual([fields.string(), fields.uint32(), fields.text()], [blob, number, text])
        const first = blob.findIndex((byte) => byte !== 0)
        assert.deepEqual(fields.mpint(), first === -1 ? Buffer.alloc(0) : blob.subarray(first))
        assert.deepEqual(fields.names(), [text, 'b'])
        fields.end()
      }),
    )
  })

  test('are written as RFC 4251 has them in its examples', () => {
    const written = ['', '09a378f9b2e332a7', '80'].map((hex) => mpint(Buffer.from(hex, 'hex')).toString('hex'))
    assert.deepEqual(written, ['00000000', '0000000809a378f9b2e332a7', '000000020080'])
    assert.equal(uint32(699921578).toString('hex'), '29b7f4aa')
    assert.equal(uint64(699921578n).toString('hex'), '0000000029b7f4aa')
    assert.equal(string('testing').toString('hex'), '0000000774657374696e67')
  })

  test('that are not there, or more than there should be, are malformed, whatever the bytes', () => {
    const kinds = ['byte', 'uint32', 'string', 'text', 'names', 'mpint', 'end'] as const
    fc.assert(
      fc.property(bytes, fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 20 }), (blob, wanted) => {
        const fields = readFields(blob)
        try {
          for (const kind of wanted) fields[kind]()
        } catch (thrown) {
          assert.ok(thrown instanceof MalformedSsh, String(thrown))
        }
        assert.ok(fields.left >= 0 && fields.left <= blob.length)
      }),
    )
    assert.throws(() => readFields(uint32(0xffffffff)).string(), MalformedSsh)
    assert.throws(() => readFields(string('a\nb')).text(), MalformedSsh)
    assert.throws(() => readFields(string(Buffer.of(0x80))).mpint(), MalformedSsh)
    assert.throws(() => readFields(Buffer.of(1)).end(), MalformedSsh)
  })
})

describe('an SSH packet', () => {
  const sourceOf = (all: Buffer) => {
    let rest = all
    return {
      async take(count: number): Promise<Buffer> {
        if (count > rest.length) throw new MalformedSsh('it ended')
        const taken = rest.subarray(0, count)
        rest = rest.subarray(count)
        return taken
      },
    }
  }
  const keys = { key: Buffer.alloc(32, 7), iv: Buffer.alloc(12, 0xff) }

  for (const length of [16, 32])
    test(`comes out as it went in, in the clear and by AES-GCM with ${length * 8} bits, and is whole blocks`, async () => {
      const own = { ...keys, key: keys.key.subarray(0, length) }
      const payloads = Array.from({ length: 40 }, (_, size) => Buffer.alloc(size + 1, size))
      const writer = createPacketWriter()
      const clear = payloads.map((payload) => writer.write(payload))
      writer.encrypt(own)
      const sealed = payloads.map((payload) => writer.write(payload))
      assert.ok(clear.every((packet) => packet.length % 8 === 0 && packet.length >= 16))
      assert.ok(sealed.every((packet) => (packet.length - 4) % 16 === 0))
      const reader = createPacketReader(sourceOf(Buffer.concat([...clear, ...sealed])))
      for (const payload of payloads) assert.deepEqual(await reader.read(), payload)
      reader.decrypt(own)
      for (const payload of payloads) assert.deepEqual(await reader.read(), payload)
    })

  test('that was changed, repeated or left out is not taken', async () => {
    const writer = createPacketWriter()
    writer.encrypt(keys)
    const [first, second] = [writer.write(Buffer.from('one')), writer.write(Buffer.from('two'))]
    for (const [what, all] of [
      ['changed', Buffer.from(first).fill(first.readUInt8(10) ^ 1, 10, 11)],
      ['left out', second],
      ['repeated', Buffer.concat([first, first])],
    ] as const) {
      const reader = createPacketReader(sourceOf(all))
      reader.decrypt(keys)
      if (what === 'repeated') await reader.read()
      await assert.rejects(reader.read(), what)
    }
  })

  test('has a length that can be', async () => {
    for (const packet of [uint32(0), uint32(4), uint32(35_001), uint32(0xffffffff)])
      await assert.rejects(
        createPacketReader(sourceOf(Buffer.concat([packet, Buffer.alloc(40_000)]))).read(),
        /a length that none has/,
      )
    for (const padding of [0, 3, 11, 255]) {
      const packet = Buffer.concat([uint32(12), Buffer.of(padding), Buffer.alloc(11)])
      await assert.rejects(createPacketReader(sourceOf(packet)).read(), /padding/)
    }
  })
})
