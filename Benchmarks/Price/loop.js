// Holds data, then answers short requests of its own making: arguments are the seconds before and of the measurement.
const settle = Number(process.argv[2]), seconds = Number(process.argv[3]);
const data = new Map();
for (let number = 0; number < 60000; number++)
  data.set("key" + number, ["value " + number, number, new Array(8).fill(number)]);

setTimeout(() => {
  console.log("ready");
  if (seconds === 0) { process.stdin.resume(); return; }
  const times = [];
  let seed = 1;
  const clock = () => Number(process.hrtime.bigint()) / 1e9;
  const start = clock();
  let last = start;
  while (last - start < seconds) {
    for (let turn = 0; turn < 20; turn++) {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      const entry = data.get("key" + (seed % 60000));
      entry[0] = "value " + (entry[1] + 1);
      JSON.stringify(entry);
    }
    const now = clock();
    times.push(now - last);
    last = now;
  }
  times.sort((a, b) => a - b);
  const at = (part) => 1000 * times[Math.floor(times.length * part)];
  console.log(JSON.stringify({ rate: times.length / (last - start), p50: at(0.5), p95: at(0.95), p99: at(0.99) }));
  process.stdin.resume();
}, 1000 * settle);
