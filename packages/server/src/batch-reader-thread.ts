import { serveThread } from './core/thread.ts'
import { createBlockWriter } from './storage/telemetry/frame-writer.ts'
import { createBatchReaderThread } from './transports/http/read-batch.ts'

/** What runs in the thread that reads batches, put together. */
serveThread(() => createBatchReaderThread(createBlockWriter()))
