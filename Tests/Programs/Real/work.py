# Memory of Python and numpy in a pool of processes. Each line of input is a round that changes some of it and answers digests.
import hashlib, multiprocessing, sys
import numpy

def build(_):
    global arrays, texts
    arrays = [numpy.arange(1 << 20, dtype=numpy.float64) * i for i in range(4)]
    texts = [f"text {i} " + "x" * (i % 200) for i in range(50000)]

def work(argument):
    worker, round = argument
    for array in arrays: array[round::4096] += round
    for i in range(round % 8, len(texts), 8): texts[i] = texts[i][1:] + chr(65 + round % 26)
    product = arrays[1].reshape(1024, 1024) @ arrays[2].reshape(1024, 1024)[:, :64]
    digest = hashlib.sha256(product.tobytes())
    for array in arrays: digest.update(array)
    for text in texts: digest.update(text.encode())
    return digest.hexdigest()

if __name__ == "__main__":
    # Each worker has a queue of its own, so that all do the same.
    pools = [multiprocessing.get_context(way).Pool(1) for way in ("fork", "fork", "spawn", "forkserver")]
    for pool in pools: pool.map(build, [0])
    for round, _ in enumerate(sys.stdin, 1):
        results = [pool.map_async(work, [(worker, round)]) for worker, pool in enumerate(pools)]
        print("round", round, *(result.get()[0] for result in results), flush=True)
    for pool in pools:
        pool.close()
        pool.join()
