# Holds data, then answers short requests of its own making: arguments are the seconds before and of the measurement.
require "json"

settle, seconds = ARGV.map(&:to_f)
data = {}
60000.times { |number| data["key#{number}"] = ["value #{number}", number, Array.new(8, number)] }
sleep settle
puts "ready"
$stdout.flush
$stdin.read if seconds == 0
clock = -> { Process.clock_gettime(Process::CLOCK_MONOTONIC) }
times = []
seed = 1
start = last = clock.call
while last - start < seconds
  20.times do
    seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
    entry = data["key#{seed % 60000}"]
    entry[0] = "value #{entry[1] + 1}"
    entry.to_json
  end
  now = clock.call
  times << now - last
  last = now
end
times.sort!
at = ->(part) { 1000 * times[(times.size * part).floor] }
puts({ rate: times.size / (last - start), p50: at[0.5], p95: at[0.95], p99: at[0.99] }.to_json)
$stdout.flush
