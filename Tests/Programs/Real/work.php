<?php // Memory of php. Each line of input is a round that changes some of it and answers a digest.
ini_set("memory_limit", "-1");
$texts = []; $table = []; $blocks = [];
for ($i = 0; $i < 150000; $i++) {
    $texts[] = "text $i " . str_repeat("x", $i % 200);
    $table["key$i"] = [$i, $i + 1];
}
for ($i = 0; $i < 32; $i++) $blocks[] = str_pad("", 1 << 20, "block $i ");
$round = 0;
while (fgets(STDIN) !== false) {
    $round++;
    for ($i = $round % 8; $i < count($texts); $i += 8) {
        $texts[$i] = substr($texts[$i], 1) . chr(65 + $round % 26);
        $table["key$i"][0] += $round;
    }
    foreach ($blocks as &$block) $block[$round % 256 * 4096] = chr($round);
    unset($block);
    gc_collect_cycles();
    $digest = hash_init("sha256");
    foreach ($texts as $text) hash_update($digest, $text);
    foreach ($table as $key => $value) hash_update($digest, $key . implode(",", $value));
    foreach ($blocks as $block) hash_update($digest, $block);
    echo "round $round ", hash_final($digest), "\n";
}
