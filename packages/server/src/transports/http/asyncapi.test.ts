import { deepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { clientMessages, eventTypes, serverMessages } from '@nexus/contract'
import { asyncApiDocument } from './asyncapi.ts'

type Named = Record<string, { name: string; payload: { properties: Record<string, unknown> } }>
const document = asyncApiDocument({ version: '1.2.3', host: 'nexus.example.com' }) as unknown as {
  channels: Record<string, { messages: Record<string, unknown> }>
  operations: Record<string, { action: string; reply?: { messages: { $ref: string }[] } }>
  components: { messages: Named }
}

test('every message of a client, of the server and of an event is described, where it is said', () => {
  const names = Object.values(document.components.messages).map(({ name }) => name)
  const all = [...Object.keys(clientMessages), ...Object.keys(serverMessages), ...eventTypes]
  deepEqual(names.toSorted(), all.toSorted())
  deepEqual(Object.keys(document.channels.websocket!.messages).length, all.length)
  for (const type of Object.keys(clientMessages)) {
    const { action, reply } = document.operations[type]!
    deepEqual([action, reply!.messages.length], ['receive', 2])
  }
})

test('every reference resolves, and nothing hidden is left in the JSON', () => {
  const text = JSON.stringify(document)
  for (const [, path] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    let node: unknown = document
    for (const part of path!.split('/')) node = (node as Record<string, unknown>)[part]
    ok(node, path)
  }
  ok(!/"~\w+":|"\$id":|"nullable":/.test(text))
})
