// Many calls of one function, a few at a time.

/** The results in the order of `items`; `work` must not throw. */
export async function inTurns(items, most, work) {
  const results = new Array(items.length)
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next++
      results[index] = await work(items[index], index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker))
  return results
}
