// node build/bundle.mjs OUT: the sidecar and all destinations as ES modules, a chunk a destination,
// loaded when first called; readable, so that a stack trace can be followed.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { build } from 'esbuild'

import { licences } from './licences.mjs'

const here = path.dirname(fileURLToPath(import.meta.url))
const src = path.join(here, '..', 'src')
const require = createRequire(import.meta.url)
const DESTINATIONS = '@segment/action-destinations/dist/destinations'
// It answers calls for Segment's own pipeline and cannot do anything elsewhere.
const LEFT_OUT = new Set(['actions-segment-profiles'])

const ROOT = path.join(here, '..')
// Packages in CommonJS ask for Node's own modules by `require`.
const REQUIRE = `import { createRequire as requireOf } from 'node:module'
const require = requireOf(import.meta.url)`

const out = path.resolve(process.argv[2])
fs.mkdirSync(out, { recursive: true })
const result = await build({
  entryPoints: { main: path.join(src, 'main.js'), manifest: path.join(here, 'manifest.mjs') },
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22',
  outExtension: { '.js': '.mjs' },
  chunkNames: 'chunks/[name]-[hash]',
  // One copy of the core, whoever imports it: its classes are compared.
  mainFields: ['main'],
  conditions: ['require', 'node'],
  external: ['*.node'],
  banner: { js: REQUIRE },
  define: { __dirname: 'import.meta.dirname', __filename: 'import.meta.filename' },
  legalComments: 'none', // THIRD_PARTY.txt has all of them
  keepNames: true,
  metafile: true,
  absWorkingDir: ROOT,
  logLevel: 'error',
  plugins: [{ name: 'crossdock', setup }]
})
const inside = Object.keys(result.metafile.inputs)
fs.writeFileSync(path.join(out, 'THIRD_PARTY.txt'), licences(inside, ROOT))

function setup(builder) {
  // Upstream's client asks for cross-fetch; ours stands before it.
  builder.onResolve({ filter: /^cross-fetch$/ }, ({ importer }) =>
    importer.startsWith(src) ? undefined : { path: path.join(src, 'fetch.js') }
  )
  builder.onResolve({ filter: /^crossdock:registry$/ }, () => ({
    path: 'registry',
    namespace: 'crossdock'
  }))
  builder.onLoad({ filter: /.*/, namespace: 'crossdock' }, () => ({
    contents: registry(),
    resolveDir: ROOT,
    loader: 'js'
  }))
}

/** slug -> how to load its definition, as source text. */
function registry() {
  const { manifest } = require('@segment/action-destinations')
  const lines = Object.entries(manifest)
    .map(([id, { definition, directory }]) => ({ id, slug: definition.slug, directory }))
    .filter(({ slug }) => !LEFT_OUT.has(slug))
    .sort((a, b) => (a.slug < b.slug ? -1 : 1))
    .map(({ id, slug, directory }) => {
      const load = `() => import('${DESTINATIONS}/${directory}').then(definitionOf)`
      return `  '${slug}': { id: '${id}', load: ${load} },`
    })
  return `const definitionOf = (module) => module.default?.default ?? module.default
export default {
${lines.join('\n')}
}
`
}
