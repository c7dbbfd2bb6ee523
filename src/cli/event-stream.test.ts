import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { eventsOf } from './event-stream.ts'

const text = [
  ': a comment\nretry: 1000\n\n',
  'id: 1\nevent: decision\ndata: {"a":1}\n\n',
  'data:two\r\ndata: lines\r\n\r\n',
  'id:3\rdata\r\r',
  'event: never told\n\n',
  'data: not ended',
].join('')
const events = [
  { event: 'decision', data: '{"a":1}', id: '1' },
  { event: 'message', data: 'two\nlines', id: '1' },
  { event: 'message', data: '', id: '3' },
]

test('events are the same however their bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: text.length - 1 }), { maxLength: 8 }),
      async (cuts) => {
        const ends = [...new Set(cuts)].sort((a, b) => a - b)
        const pieces = [0, ...ends].map((start, i) => text.slice(start, ends[i]))
        const body = ReadableStream.from(pieces.map((piece) => new TextEncoder().encode(piece)))
        const read = []
        for await (const event of eventsOf(new Response(body))) read.push(event)
        assert.deepEqual(read, events)
      },
    ),
  )
})
