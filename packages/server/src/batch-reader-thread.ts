import { serveThread } from './core/thread.ts'
import { createBlockWriter } from './storage/telemetry/frame-writer.ts'
import { createBatchReading } from './transports/http/read-batch.ts'

/** What runs in the thread that reads batches, put together. */
serveThread(() => createBatchReading(createBlockWriter()))
