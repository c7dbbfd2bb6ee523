/** Loads what test/support/bundle.ts made where Node is asked for the sources; `node --import`. */
import { existsSync, readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

declare const bundles: { readonly of: string; readonly in: string }

registerHooks({
  load(url, context, next) {
    const path = url.startsWith('file:') ? fileURLToPath(url) : ''
    if (path.startsWith(bundles.of) && path.endsWith('.ts')) {
      const bundle = `${bundles.in}/${path.slice(bundles.of.length, -2)}js`
      if (existsSync(bundle)) return { format: 'module', source: readFileSync(bundle), shortCircuit: true }
    }
    return next(url, context)
  },
})
