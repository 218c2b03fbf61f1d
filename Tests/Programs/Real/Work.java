// Memory of a Java machine. Each line of input is a round that changes some of it, makes garbage, and answers a digest.
import java.io.*;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;

public class Work {
    public static void main(String[] arguments) throws Exception {
        var texts = new String[150000];
        var table = new ConcurrentHashMap<String, long[]>();
        var blocks = new byte[64][];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = "text " + i + " " + "x".repeat(i % 200);
            table.put("key" + i, new long[] {i, i + 1});
        }
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = new byte[1 << 20];
            Arrays.fill(blocks[i], (byte) i);
        }
        var threads = Executors.newFixedThreadPool(2);
        var input = new BufferedReader(new InputStreamReader(System.in));
        for (int round = 1; input.readLine() != null; round++) {
            int now = round;
            var parts = new ArrayList<Future<?>>();
            for (int part = 0; part < 4; part++) {
                int first = part;
                parts.add(threads.submit(() -> {
                    for (int i = first; i < texts.length; i += 4) {
                        if (i % 8 != now % 8) continue;
                        texts[i] = texts[i].substring(1) + (char) (65 + now % 26);
                        table.get("key" + i)[0] += now;
                    }
                }));
            }
            for (var part : parts) part.get();
            for (var block : blocks) block[now % 256 * 4096] = (byte) now;
            var garbage = new ArrayList<byte[]>();
            for (int i = 0; i < 100; i++) garbage.add(new byte[1 << 20]);
            garbage.clear();
            System.gc();
            var digest = MessageDigest.getInstance("SHA-256");
            for (var text : texts) digest.update(text.getBytes());
            for (int i = 0; i < texts.length; i++) digest.update(Arrays.toString(table.get("key" + i)).getBytes());
            for (var block : blocks) digest.update(block);
            System.out.println("round " + round + " " + HexFormat.of().formatHex(digest.digest()));
        }
        threads.shutdown();
    }
}
