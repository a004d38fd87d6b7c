// The licence texts of every package of which something is in the bundle.
import fs from 'node:fs'
import path from 'node:path'

import { textOf } from './licence_texts.mjs'

const RULE = '-'.repeat(72)
// It is stated in the README only.
const UNSTATED = { '@segment/fql-ts': 'MIT' }
const FILE = /^(licen[cs]e|copying|notice|unlicense)/i
/** Of `inputs`, the bundle's source files as esbuild names them. */
export function licences(inputs, root) {
  const folders = new Set()
  for (const input of inputs) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)
    if (found) folders.add(found[1])
  }
  const entries = [...folders].sort().map((folder) => entryOf(path.join(root, folder)))
  return entries.join('\n')
}

function entryOf(folder) {
  const about = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const { name, version, author } = about
  const license = about.license ?? UNSTATED[name]
  const texts = fs
    .readdirSync(folder)
    .filter((file) => FILE.test(file) && fs.statSync(path.join(folder, file)).isFile())
    .sort()
    .map((file) => fs.readFileSync(path.join(folder, file), 'utf8').trim())
  // Some packages name their licence and bring no text.
  if (!texts.length) texts.push(textOf(license, holderOf(name, author)))
  return `${RULE}\n${name} ${version} (${license ?? 'see the text'})\n${RULE}\n${texts.join('\n\n')}\n`
}

function holderOf(name, author) {
  if (name === '@segment/fql-ts') return '2021 Segment'
  if (name.startsWith('@segment/')) return '2025 Segment'
  const given = typeof author === 'string' ? author : author?.name
  return given?.trim() || `the authors of ${name}`
}
