/** Parsing and printing of everything a packet or a rule is made of: exact both ways, and strict. */
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { type Family, families, familyBits, formatAddress, maxAddress, parseAddress } from './address.ts'
import { parseMac } from './mac.ts'
import { formatPrefix, parsePrefix, prefixRange, rangeToPrefixes } from './prefix.ts'
import { hasPorts, isIcmp, parseProtocol, protocolName } from './protocol.ts'

const anyAddress = fc.oneof(
  fc.bigInt({ min: 0n, max: maxAddress.ipv4 }).map((value) => ({ family: 'ipv4' as Family, value })),
  fc.bigInt({ min: 0n, max: maxAddress.ipv6 }).map((value) => ({ family: 'ipv6' as Family, value })),
  // Runs of zeros, which is where printing goes wrong.
  fc
    .array(fc.constantFrom<bigint>(0n, 0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 })
    .map((groups) => ({
      family: 'ipv6' as Family,
      value: groups.reduce((value, group) => (value << 16n) | group, 0n),
    })),
)

describe('addresses', () => {
  test('what is printed reads back as the same, and is the only way it is printed', () => {
    fc.assert(
      fc.property(anyAddress, ({ family, value }) => {
        const text = formatAddress(family, value)
        assert.deepEqual(parseAddress(text), { ok: true, value: { family, value } })
      }),
    )
  })

  test('another library reads our text as the same address, and we its text', () => {
    fc.assert(
      fc.property(anyAddress, ({ family, value }) => {
        const theirs = ipaddr.parse(formatAddress(family, value))
        assert.equal(theirs.kind(), family)
        const bytes = theirs.toByteArray().reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
        assert.equal(bytes, value)
        for (const text of [theirs.toString(), theirs.toNormalizedString()]) {
          assert.deepEqual(parseAddress(text), { ok: true, value: { family, value } }, text)
        }
      }),
    )
  })

  test('text that is nearly an address: two other parsers draw the same line', () => {
    // Whole addresses, damaged in a place or two, meet the line from both sides.
    const damage = fc.tuple(
      fc.nat(45),
      fc.nat(3),
      fc.constantFrom(
        '',
        '',
        ':',
        '::',
        '.',
        '0',
        '1',
        'f',
        'g',
        '256',
        '.1',
        ' ',
        '%1',
        '/8',
        '-',
        '1.2.3.4',
      ),
    )
    let [valid, invalid] = [0, 0]
    fc.assert(
      fc.property(anyAddress, fc.array(damage, { maxLength: 2 }), ({ family, value }, damages) => {
        let text = formatAddress(family, value)
        for (const [at, cut, put] of damages) {
          const place = at % (text.length + 1)
          text = text.slice(0, place) + put + text.slice(place + cut)
        }
        const ours = parseAddress(text)
        ours.ok ? valid++ : invalid++
        // Zone indexes are the one thing that node takes for an address and we do not.
        assert.equal(ours.ok, isIP(text) !== 0 && !text.includes('%'), text)
        if (!ours.ok) return
        // Not ipaddr.js: it takes `::1.2.3.4` for `::ffff:1.2.3.4`, against RFC 4291 §2.2.
        const { family: kind, value: number } = ours.value
        const host = kind === 'ipv6' ? `[${text}]` : text
        const printed = formatAddress(kind, number)
        assert.equal(new URL(`http://${host}`).hostname, kind === 'ipv6' ? `[${printed}]` : printed)
      }),
      { numRuns: 2000 },
    )
    assert.ok(valid > 200 && invalid > 200, `${valid} valid, ${invalid} invalid`)
  })

  test('where another library guesses, we refuse', () => {
    for (const [text, guess] of [
      ['127.1', '127.0.0.1'],
      ['0x7f.1', '127.0.0.1'],
      ['3232235521', '192.168.0.1'],
      ['0177.0.0.1', '127.0.0.1'],
      ['010.0.0.1', '8.0.0.1'],
      ['0.0.0.00', '0.0.0.0'],
      ['fe80::1%eth0', 'fe80::1%eth0'],
      ['::ffff:01.2.3.4', '::ffff:102:304'],
    ] as const) {
      assert.equal(ipaddr.parse(text).toString(), guess, text)
      assert.equal(parseAddress(text).ok, false, text)
    }
  })

  test('RFC 5952', () => {
    for (const [given, printed] of [
      ['2001:0db8::0001', '2001:db8::1'],
      ['2001:DB8:0:0:0:0:2:1', '2001:db8::2:1'],
      ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
      ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
      ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
      ['0:0:0:0:0:0:0:0', '::'],
      ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
      ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
      ['0:0:1::', '0:0:1::'],
      ['ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
      ['::1', '::1'],
      ['1::', '1::'],
      ['::ffff:192.0.2.1', '::ffff:c000:201'],
      ['::192.0.2.1', '::c000:201'],
      ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
      ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
      ['255.255.255.255', '255.255.255.255'],
      ['0.0.0.0', '0.0.0.0'],
    ] as const) {
      const parsed = parseAddress(given)
      assert.ok(parsed.ok, given)
      assert.equal(formatAddress(parsed.value.family, parsed.value.value), printed)
    }
  })

  test('nothing else is an address', () => {
    for (const text of [
      ...['', ' ', '1', '1.2', '1.2.3', '1.2.3.4.5', '1.2.3.', '.1.2.3', '1..2.3', '256.1.1.1', '1.2.3.256'],
      ...[
        '01.2.3.4',
        '1.2.3.04',
        '0x7f.0.0.1',
        '0177.0.0.1',
        '1.2.3.4 ',
        ' 1.2.3.4',
        '1.2.3.4\n',
        '+1.2.3.4',
      ],
      ...[
        '1.2.3.-4',
        '1.2.3.4/32',
        '1.2.3.4:80',
        '1,2,3,4',
        '１.2.3.4',
        '١.2.3.4',
        '3232235521',
        'localhost',
      ],
      ...[
        ':',
        ':::',
        '1:',
        ':1',
        '1::2::3',
        '1:2:3:4:5:6:7',
        '1:2:3:4:5:6:7:8:9',
        '1:2:3:4:5:6:7::8',
        '12345::',
      ],
      ...[
        'g::',
        '::1%eth0',
        'fe80::1%1',
        '[::1]',
        '::1/128',
        '1:2:3:4:5:6:7:1.2.3.4',
        '::1.2.3',
        '::1.2.3.4.5',
      ],
      ...['::01.2.3.4', '1.2.3.4::', '::1.2.3.4:5', ' ::1', '::1 ', '::-1', '::+1', '::0x1', '::１'],
    ]) {
      assert.equal(parseAddress(text).ok, false, JSON.stringify(text))
    }
  })
})

describe('prefixes', () => {
  test('read back as printed; host bits are refused or masked', () => {
    fc.assert(
      fc.property(anyAddress, fc.nat(128), ({ family, value }, bits) => {
        const length = bits % (familyBits[family] + 1)
        const text = `${formatAddress(family, value)}/${length}`
        const masked = parsePrefix(text, { hostBits: 'mask' })
        assert.ok(masked.ok)
        const { first, last } = prefixRange(masked.value)
        assert.ok(first <= value && value <= last)
        assert.equal(last - first + 1n, 1n << BigInt(familyBits[family] - length))
        assert.equal(parsePrefix(text, { hostBits: 'refuse' }).ok, value === first)
        assert.deepEqual(parsePrefix(formatPrefix(masked.value), { hostBits: 'refuse' }), masked)
      }),
    )
  })

  test('nothing else is a prefix', () => {
    for (const text of [
      ...[
        '10.0.0.0',
        '10.0.0.0/',
        '/8',
        '10.0.0.0/33',
        '::/129',
        '10.0.0.0/-1',
        '10.0.0.0/08',
        '10.0.0.0/8/8',
      ],
      ...['10/8', '10.0.0.0/8 ', '10.0.0.0/255.0.0.0', '10.0.0.0/1e1', '::/', '10.0.0.0/٨'],
    ]) {
      assert.equal(parsePrefix(text, { hostBits: 'mask' }).ok, false, text)
    }
  })

  test('a range becomes prefixes that make up exactly it, in order, no two of which could be one', () => {
    fc.assert(
      fc.property(anyAddress, fc.bigInt({ min: 0n, max: 100_000n }), ({ family, value }, size) => {
        const last = value + size > maxAddress[family] ? maxAddress[family] : value + size
        const prefixes = rangeToPrefixes(family, { first: value, last })
        let next = value
        for (const [i, prefix] of prefixes.entries()) {
          const range = prefixRange(prefix)
          assert.equal(range.first, next)
          next = range.last + 1n
          const following = prefixes[i + 1]
          const mergeable =
            following?.length === prefix.length && range.first % (2n * (range.last - range.first + 1n)) === 0n
          assert.equal(mergeable, false, 'two halves of one prefix')
        }
        assert.equal(next, last + 1n)
      }),
    )
    // As few as a tree of halves needs, for every range at either end of both families.
    const fewest = (first: bigint, last: bigint, low: bigint, size: bigint): number => {
      if (last < low || first >= low + size) return 0
      if (first <= low && low + size - 1n <= last) return 1
      return fewest(first, last, low, size / 2n) + fewest(first, last, low + size / 2n, size / 2n)
    }
    for (const family of families) {
      for (const base of [0n, maxAddress[family] - 31n]) {
        for (let first = base; first < base + 32n; first++) {
          for (let last = first; last < base + 32n; last++)
            assert.equal(rangeToPrefixes(family, { first, last }).length, fewest(first, last, base, 32n))
        }
      }
      const allButFirst = rangeToPrefixes(family, { first: 1n, last: maxAddress[family] })
      assert.equal(allButFirst.length, familyBits[family])
    }
    assert.deepEqual(rangeToPrefixes('ipv6', { first: 0n, last: maxAddress.ipv6 }).map(formatPrefix), [
      '::/0',
    ])
    assert.deepEqual(rangeToPrefixes('ipv4', { first: 1n, last: 6n }).map(formatPrefix), [
      '0.0.0.1/32',
      '0.0.0.2/31',
      '0.0.0.4/31',
      '0.0.0.6/32',
    ])
  })
})

test('MAC addresses: pairs with colons or with hyphens, in any case', () => {
  for (const text of ['52:54:00:AB:cd:01', '52-54-00-ab-CD-01']) {
    assert.deepEqual(parseMac(text), { ok: true, value: '52:54:00:ab:cd:01' })
  }
  for (const text of [
    ...['', '52:54:00:00:00', '52:54:00:00:00:00:00', '52-54:00:00:00:01', '5254.0000.0001', '525400000001'],
    ...['5:54:00:00:00:01', 'g2:54:00:00:00:01', ' 52:54:00:00:00:01', '52:54:00:00:00:01\n'],
  ]) {
    assert.equal(parseMac(text).ok, false, JSON.stringify(text))
  }
})

test('protocols: names in any case, and numbers', () => {
  for (let number = 0; number <= 255; number++) {
    assert.deepEqual(parseProtocol(protocolName(number)), { ok: true, value: number })
    assert.deepEqual(parseProtocol(String(number)), { ok: true, value: number })
  }
  assert.deepEqual(parseProtocol('IPv6-ICMP'), { ok: true, value: 58 })
  for (const text of ['', 'tcpp', '256', '-1', '06', '6 ', '1e1', 'constructor', '٦']) {
    assert.equal(parseProtocol(text).ok, false, text)
  }
  assert.deepEqual([6, 17, 33, 132, 136, 1, 47, 58].map(hasPorts), [
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ])
  assert.deepEqual([1, 58, 6].map(isIcmp), [true, true, false])
})
