// node OUT/manifest.mjs: prints what all destinations are, as JSON: settings, actions with their
// fields and default mappings, presets, JSON schemas. Bundled, so that it reads what is shipped.
import { Destination } from '@segment/actions-core'
import registry from 'crossdock:registry'

import { adapted } from '../src/adaptations.js'

function described(slug, id, definition) {
  const destination = new Destination(definition)
  const { authentication } = definition
  return pruned({
    slug,
    id,
    name: definition.name,
    description: definition.description,
    mode: definition.mode,
    auth: pruned({
      scheme: authentication?.scheme ?? 'none',
      tests: Boolean(authentication?.testAuthentication),
      refreshes: Boolean(authentication?.refreshAccessToken)
    }),
    settings: fieldsOf(authentication?.fields),
    settings_schema: destination.settingsSchema,
    audience: audienceOf(definition),
    deletes: Boolean(definition.onDelete),
    actions: Object.entries(definition.actions).map(([name, action]) =>
      actionOf(name, action, destination.actions[name].schema)
    ),
    presets: (definition.presets ?? []).map(presetOf)
  })
}

function actionOf(slug, action, schema) {
  return pruned({
    slug,
    title: action.title,
    description: action.description,
    hidden: Boolean(action.hidden),
    batches: typeof action.performBatch === 'function',
    trigger: action.defaultSubscription,
    fields: fieldsOf(action.fields),
    sync_mode: action.syncMode,
    dynamic: Object.keys(action.dynamicFields ?? {}),
    hooks: Object.entries(action.hooks ?? {}).map(([name, hook]) =>
      pruned({
        name,
        label: hook.label,
        description: hook.description,
        inputs: fieldsOf(hook.inputFields)
      })
    ),
    schema
  })
}

function presetOf(preset) {
  return pruned({
    name: preset.name,
    action: preset.partnerAction,
    type: preset.type ?? 'automatic',
    trigger: preset.subscribe,
    event: preset.eventSlug,
    mapping: preset.mapping ?? {}
  })
}

function audienceOf({ audienceConfig, audienceFields }) {
  if (!audienceConfig) return undefined
  return pruned({
    mode: audienceConfig.mode?.type,
    full_sync: Boolean(audienceConfig.mode?.full_audience_sync),
    creates: Boolean(audienceConfig.createAudience),
    fields: fieldsOf(audienceFields)
  })
}

function fieldsOf(fields) {
  return Object.entries(fields ?? {}).map(([name, field]) =>
    pruned({
      name,
      label: field.label,
      description: field.description,
      type: field.type,
      required: field.required === true,
      required_if: typeof field.required === 'object' ? field.required : undefined,
      multiple: Boolean(field.multiple),
      allow_null: Boolean(field.allowNull),
      dynamic: Boolean(field.dynamic),
      hidden: Boolean(field.unsafe_hidden),
      read_only: Boolean(field.readOnly),
      choices: choicesOf(field.choices),
      default: field.default,
      format: field.format,
      placeholder: field.placeholder,
      minimum: field.minimum,
      maximum: field.maximum,
      depends_on: field.depends_on,
      category: field.category,
      fields: fieldsOf(field.properties)
    })
  )
}

const choicesOf = (choices) =>
  Array.isArray(choices)
    ? choices.map((choice) =>
        choice !== null && typeof choice === 'object'
          ? { label: String(choice.label), value: choice.value }
          : { label: String(choice), value: choice }
      )
    : undefined

/** Without what is empty: readers know the defaults. */
function pruned(object) {
  const isEmpty = (value) =>
    value === null || value === false || value === '' || (Array.isArray(value) && !value.length)
  return Object.fromEntries(
    Object.entries(object).filter(
      ([key, value]) => value !== undefined && (key === 'default' || !isEmpty(value))
    )
  )
}

const destinations = []
for (const [slug, { id, load }] of Object.entries(registry)) {
  destinations.push(described(slug, id, adapted(slug, await load())))
}
process.stdout.write(JSON.stringify({ format: 1, destinations }))
