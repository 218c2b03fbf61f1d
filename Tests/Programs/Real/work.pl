# Memory of perl. Each line of input is a round that changes some of it and answers a digest.
use strict; use warnings; use Digest::SHA;
$| = 1;
my @texts = map { "text $_ " . "x" x ($_ % 200) } 0 .. 149999;
my %table = map { ("key$_" => [$_, $_ + 1]) } 0 .. 149999;
my @blocks = map { substr("block $_ " x 150000, 0, 1 << 20) } 0 .. 31;
my $round = 0;
while (<STDIN>) {
    $round++;
    for (my $i = $round % 8; $i < @texts; $i += 8) {
        $texts[$i] = substr($texts[$i], 1) . chr(65 + $round % 26);
        $table{"key$i"}[0] += $round;
    }
    substr($_, $round % 256 * 4096, 1) = chr($round) for @blocks;
    my $digest = Digest::SHA->new(256);
    $digest->add($_) for @texts;
    $digest->add("key$_", join(",", @{$table{"key$_"}})) for 0 .. 149999;
    $digest->add($_) for @blocks;
    print "round $round ", $digest->hexdigest, "\n";
}
