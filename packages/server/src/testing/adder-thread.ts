import { serveThread } from '../core/thread.ts'

export type Adder = ReturnType<typeof open>

serveThread(open)

function open(data: { start: number } | 'broken') {
  if (data === 'broken') throw new Error('cannot be opened')
  let sum = data.start
  return {
    add: (value: number) => {
      sum += value
      return sum
    },
    double: (bytes: Uint8Array) => ({ bytes: bytes.map((byte) => byte * 2) }),
    fail: (): never => {
      throw new Error('no')
    },
    die: () => process.exit(1),
  }
}
