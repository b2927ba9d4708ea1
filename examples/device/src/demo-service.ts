/** What the device runs unless it is told to run something else: it says every second that it is there. */
console.log(`demo service ${process.pid} is up`)
const ticking = setInterval(() => console.log(`${new Date().toISOString()} working`), 1000)
process.on('SIGTERM', () => {
  console.log(`demo service ${process.pid} ends`)
  clearInterval(ticking)
})
