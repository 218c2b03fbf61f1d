"""Memory mapped by an unmodified interpreter and marked as mergeable: mapped.py PAGES

Of 16 pages one holds zeros, two are this process's own and the rest is the same in every process. Prints `ready PID
ADDRESS BYTES`, and `ok` after it has looked at every byte when a line comes in; ends when the input ends."""
import ctypes
import hashlib
import mmap
import os
import sys

PAGE = 4096
pages = int(sys.argv[1])
memory = mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def content(page):
    if page % 16 == 0:
        return bytes(PAGE)
    name = f"{os.getpid()} {page}" if page % 16 < 3 else f"{page}"
    return hashlib.shake_128(name.encode()).digest(PAGE)


for page in range(pages):
    memory[page * PAGE : (page + 1) * PAGE] = content(page)
memory.madvise(mmap.MADV_MERGEABLE)
anchor = ctypes.c_char.from_buffer(memory)
print("ready", os.getpid(), ctypes.addressof(anchor), pages * PAGE, flush=True)

for _ in sys.stdin:
    wrong = [page for page in range(pages) if memory[page * PAGE : (page + 1) * PAGE] != content(page)]
    print(f"wrong {wrong[:8]}" if wrong else "ok", flush=True)
