# Memory of ruby. Each line of input is a round that changes some of it and answers a digest.
require "digest"
texts = (0...150000).map { |i| "text #{i} " + "x" * (i % 200) }
table = {}
150000.times { |i| table["key#{i}"] = [i, i + 1] }
blocks = (0...32).map { |i| ("block #{i} " * 100000)[0, 1 << 20] }
round = 0
while $stdin.gets
  round += 1
  (round % 8).step(texts.size - 1, 8) do |i|
    texts[i] = texts[i][1..] + (65 + round % 26).chr
    table["key#{i}"][0] += round
  end
  blocks.each { |block| block.setbyte(round % 256 * 4096, round) }
  GC.start
  digest = Digest::SHA256.new
  texts.each { |text| digest << text }
  table.each { |key, value| digest << key << value.join(",") }
  blocks.each { |block| digest << block }
  puts "round #{round} #{digest.hexdigest}"
  $stdout.flush
end
