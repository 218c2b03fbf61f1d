<?php
// Holds data, then answers short requests of its own making: arguments are the seconds before and of the measurement.
ini_set("memory_limit", "-1");
[$settle, $seconds] = [(float) $argv[1], (float) $argv[2]];
$data = [];
for ($number = 0; $number < 60000; $number++)
    $data["key$number"] = ["value $number", $number, array_fill(0, 8, $number)];
usleep((int) (1e6 * $settle));
echo "ready\n";
if ($seconds == 0) { fgets(STDIN); exit; }
$times = [];
$seed = 1;
$start = $last = microtime(true);
while ($last - $start < $seconds) {
    for ($turn = 0; $turn < 20; $turn++) {
        $seed = ($seed * 1103515245 + 12345) & 0x7FFFFFFF;
        $key = "key" . ($seed % 60000);
        $data[$key][0] = "value " . ($data[$key][1] + 1);
        json_encode($data[$key]);
    }
    $now = microtime(true);
    $times[] = $now - $last;
    $last = $now;
}
sort($times);
$at = fn($part) => 1000 * $times[(int) floor(count($times) * $part)];
echo json_encode(["rate" => count($times) / ($last - $start), "p50" => $at(0.5), "p95" => $at(0.95), "p99" => $at(0.99)]), "\n";
