# Holds data, then answers short requests of its own making: arguments are the seconds before and of the measurement.
import json
import sys
import time

settle, seconds = float(sys.argv[1]), float(sys.argv[2])
data = {"key%d" % number: ["value %d" % number, number, [number] * 8] for number in range(60000)}
time.sleep(settle)
print("ready", flush=True)
if seconds == 0:
    sys.stdin.read()
times = []
seed = 1
start = last = time.perf_counter()
while last - start < seconds:
    for _ in range(20):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        entry = data["key%d" % (seed % 60000)]
        entry[0] = "value %d" % (entry[1] + 1)
        json.dumps(entry)
    now = time.perf_counter()
    times.append(now - last)
    last = now
times.sort()
count = len(times)
print(json.dumps({
    "rate": count / (last - start), "p50": 1000 * times[count // 2], "p95": 1000 * times[count * 95 // 100],
    "p99": 1000 * times[count * 99 // 100]}), flush=True)
