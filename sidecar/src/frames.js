// Messages on a socket: four bytes of length, big-endian, then that much JSON.
const HEAD_BYTES = 4
const FRAME_BYTES_MAX = 64 * 1024 * 1024

/** Calls `take(message)` for each that comes; returns the function that sends one. */
export function frames(socket, take) {
  let chunks = []
  let size = 0
  const pull = () => {
    while (size >= HEAD_BYTES) {
      let buffer = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)
      chunks = [buffer]
      const length = buffer.readUInt32BE(0)
      if (length > FRAME_BYTES_MAX) throw new Error(`a message of ${length} bytes`)
      if (size < HEAD_BYTES + length) return length
      const end = HEAD_BYTES + length
      const message = JSON.parse(buffer.toString('utf8', HEAD_BYTES, end))
      buffer = buffer.subarray(end)
      chunks = buffer.length ? [buffer] : []
      size = buffer.length
      take(message)
    }
    return 0
  }
  let wanted = 0
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    size += chunk.length
    // A large message comes in many chunks; they are put together once, not at every chunk.
    if (size >= HEAD_BYTES + wanted) wanted = pull()
  })
  return (message) => {
    const body = Buffer.from(JSON.stringify(message))
    const head = Buffer.allocUnsafe(HEAD_BYTES)
    head.writeUInt32BE(body.length)
    socket.cork()
    socket.write(head)
    socket.write(body)
    process.nextTick(() => socket.uncork())
  }
}
