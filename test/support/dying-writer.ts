/** A writer of the embedded store that is ready, and dies of the first message. */
import { parentPort } from 'node:worker_threads'

parentPort?.on('message', () => {
  throw new Error('on purpose')
})
parentPort?.postMessage({ ready: true })
