// Secrets are taken out of what people see: headers and query members with telling names, and the
// secret values themselves wherever they stand (an answer may echo them).
const SECRET_NAME =
  /auth|cookie|token|secret|passw|signature|credential|session|api[-_]?key|[-_]key$|^key$|^sig$/i
const HIDDEN = '***'
const SECRET_CHARS_MIN = 4

export class Redactor {
  /** `secrets` are values; each is also known in the spellings that URLs and Basic auth give it. */
  constructor(secrets = []) {
    const spellings = new Set()
    for (const secret of secrets) {
      if (typeof secret !== 'string' || secret.length < SECRET_CHARS_MIN) continue
      const buffer = Buffer.from(secret)
      spellings.add(secret)
      spellings.add(encodeURIComponent(secret))
      spellings.add(JSON.stringify(secret).slice(1, -1))
      spellings.add(buffer.toString('base64'))
      spellings.add(Buffer.from(`${secret}:`).toString('base64'))
    }
    this.secrets = [...spellings].sort((a, b) => b.length - a.length)
  }

  text(text) {
    return this.secrets.reduce((left, secret) => left.replaceAll(secret, HIDDEN), text)
  }

  headers(headers) {
    const shown = {}
    headers.forEach((value, name) => {
      shown[name] = SECRET_NAME.test(name) ? HIDDEN : this.text(value)
    })
    return shown
  }

  url(text) {
    let url
    try {
      url = new URL(text)
    } catch {
      return this.text(text)
    }
    if (url.username || url.password) {
      url.username = 'hidden'
      url.password = ''
    }
    for (const name of new Set(url.searchParams.keys())) {
      if (SECRET_NAME.test(name)) url.searchParams.set(name, HIDDEN)
    }
    return this.text(url.href)
  }
}
