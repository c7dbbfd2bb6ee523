import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { hashOfChain, hashOfRules, hashOfSet, hashOfTable, readIdentity, userDataOf } from './identity.ts'
import { entry, find, number } from './user-data.ts'

const hash = fc.stringMatching(/^[0-9a-f]{16}$/)

describe('what we made is known again', () => {
  test('by a hash, and rules by their place', () => {
    fc.assert(
      fc.property(hash, fc.option(fc.nat({ max: 0xffff_ffff }), { nil: undefined }), (hash, position) => {
        assert.deepEqual(readIdentity(userDataOf(hash, position)), { hash, position })
      }),
    )
  })

  test('behind what nft writes for itself', () => {
    const data = Uint8Array.from([...number(0, 2), ...entry(3, [1, 2, 3]), ...userDataOf(hashOfRules([]), 7)])
    assert.deepEqual(readIdentity(data), { hash: hashOfRules([]), position: 7 })
    assert.deepEqual(find(data, 3), Uint8Array.of(1, 2, 3))
  })

  test('never by what somebody else left there', () => {
    const ours = userDataOf(hashOfTable('inet portcullis'))
    for (const cut of [0, 1, 2, 9])
      assert.equal(readIdentity(ours.subarray(0, cut)), undefined, `${cut} bytes`)
    assert.equal(readIdentity(Uint8Array.from(entry(0, [...Buffer.from('a comment\0')]))), undefined)
    assert.equal(readIdentity(Uint8Array.from(entry(ours[0] as number, [1, 2, 3]))), undefined)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const read = readIdentity(bytes)
        if (read) assert.ok(bytes.includes(ours[0] as number))
      }),
    )
  })

  test('texts of different kinds and places have different hashes', () => {
    const texts = [
      hashOfTable('inet portcullis'),
      hashOfChain(),
      hashOfChain('type filter hook forward priority 0; policy accept;'),
      hashOfRules(['drop']),
      hashOfRules(['drop', 'drop']),
      hashOfRules(['accept', 'drop']),
      hashOfRules(['drop', 'accept']),
      hashOfSet('set', 'type iface_index'),
      hashOfSet('map', 'type iface_index'),
    ]
    assert.equal(new Set(texts).size, texts.length)
  })

  test('an entry has at most 255 bytes', () => {
    assert.equal(entry(1, new Uint8Array(255)).length, 257)
    assert.throws(() => entry(1, new Uint8Array(256)), RangeError)
  })
})
