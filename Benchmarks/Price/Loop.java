import java.util.Arrays;
import java.util.HashMap;

/** Holds data, then answers short requests of its own making: arguments are the seconds before and of the measurement. */
class Loop {
    public static void main(String[] arguments) throws Exception {
        double settle = Double.parseDouble(arguments[0]), seconds = Double.parseDouble(arguments[1]);
        var data = new HashMap<String, Object[]>();
        for (int number = 0; number < 60000; number++)
            data.put("key" + number, new Object[] {"value " + number, number, new long[8]});
        Thread.sleep((long) (1000 * settle));
        System.out.println("ready");
        if (seconds == 0) { System.in.read(); return; }
        double[] times = new double[1_000_000];
        int count = 0, seed = 1;
        long start = System.nanoTime(), last = start;
        while (last - start < seconds * 1e9 && count < times.length) {
            for (int turn = 0; turn < 20; turn++) {
                seed = (seed * 1103515245 + 12345) & 0x7fffffff;
                var entry = data.get("key" + seed % 60000);
                entry[0] = "value " + ((Integer) entry[1] + 1);
                Arrays.toString(entry);
            }
            long now = System.nanoTime();
            times[count++] = (now - last) / 1e6;
            last = now;
        }
        Arrays.sort(times, 0, count);
        System.out.printf(
            "{\"rate\": %f, \"p50\": %f, \"p95\": %f, \"p99\": %f}%n", count / ((last - start) / 1e9),
            times[count / 2], times[(int) (count * 0.95)], times[(int) (count * 0.99)]);
    }
}
