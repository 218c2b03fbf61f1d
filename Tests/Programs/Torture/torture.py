"""A program of the torture in an unmodified interpreter: torture.py BOARD PLACE KIND SEED

Does with mmap objects what the C programs do with their memory, and checks every byte. The numbers of the board are those
of board.h."""
import ctypes
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
import time

COMMAND, ACTORS, RESTING, OPERATIONS, WRITES, PAGES_VERIFIED = 0, 4, 5, 6, 7, 8
FORKS, SPAWNS, ENDS, LONGEST, LONGEST_WHAT, WRONG, HANGS, ERRORS, HAS_TEXT = 12, 14, 15, 17, 18, 19, 20, 21, 22
TEXT, WORK, REST, PAGE, WORDS, CONTENTS, MASK = 64, 0, 1, 4096, 512, 24, (1 << 64) - 1

ctypes.CDLL(None).prctl(1, signal.SIGKILL)
place = int(sys.argv[2])
with open(sys.argv[1], "r+b") as file:
    board = memoryview(mmap.mmap(file.fileno(), (place + 1) * 1024)).cast("Q")[place * 128 :]
chance = random.Random(int(sys.argv[4]))


def mixed(value):
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & MASK
    return value ^ value >> 31


def content(number):
    key = mixed(number)
    return struct.pack("512Q", *(mixed((key + word) & MASK) for word in range(WORDS)))


contents = [bytes(PAGE)] + [content(number) for number in range(1, CONTENTS)]


def give_up(field, text):
    board[field] += 1
    if board[HAS_TEXT] == 0:
        data = text.encode()[:500]
        data += bytes(-len(data) % 8 + 8)
        for word, value in enumerate(struct.unpack(f"{len(data) // 8}Q", data)):
            board[TEXT + word] = value
        board[HAS_TEXT] = 2
    os._exit(3)


class Arena:
    def __init__(self):
        self.pages = chance.randrange(64, 400)
        self.memory = mmap.mmap(-1, self.pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.expected = [contents[0]] * self.pages
        self.memory.madvise(mmap.MADV_MERGEABLE)
        self.fill(0, self.pages)

    def fill(self, first, end):
        for page in range(first, end):
            self.expected[page] = contents[(page + chance.randrange(2)) % CONTENTS]
            self.memory[page * PAGE : (page + 1) * PAGE] = self.expected[page]
        board[WRITES] += end - first

    def check(self, first, end, when):
        for page in range(first, end):
            found = self.memory[page * PAGE : (page + 1) * PAGE]
            if found != self.expected[page]:
                wrong = next(i for i in range(PAGE) if found[i] != self.expected[page][i])
                give_up(WRONG, f"{when}: process {os.getpid()}, page {page} is wrong at byte {wrong}")
        board[PAGES_VERIFIED] += end - first

    def run(self):
        first = chance.randrange(self.pages)
        return first, min(self.pages, first + 1 + chance.randrange(32))

    def stamp(self):
        first, end = self.run()
        for page in range(first, end):
            at = chance.randrange(PAGE)
            self.memory[page * PAGE + at] ^= 0x5A
            changed = bytearray(self.expected[page])
            changed[at] ^= 0x5A
            kept, self.expected[page] = self.expected[page], bytes(changed)
            self.check(page, page + 1, "stamped")
            self.memory[page * PAGE + at] ^= 0x5A
            self.expected[page] = kept
        board[WRITES] += 2 * (end - first)
        self.check(first, end, "restored")

    def discard(self):
        first, end = self.run()
        self.memory.madvise(mmap.MADV_DONTNEED, first * PAGE, (end - first) * PAGE)
        self.expected[first:end] = [contents[0]] * (end - first)
        self.check(first, end, "discarded")
        self.fill(first, end)

    def resize(self):
        old, self.pages = self.pages, chance.randrange(64, 400)
        self.memory.resize(self.pages * PAGE)
        self.expected = self.expected[: self.pages] + [contents[0]] * (self.pages - old)
        self.check(0, self.pages, "resized")
        self.memory.madvise(mmap.MADV_MERGEABLE)

    def unmerge(self):
        first, end = self.run()
        self.memory.madvise(mmap.MADV_UNMERGEABLE, first * PAGE, (end - first) * PAGE)
        self.check(first, end, "unmerged")
        self.memory.madvise(mmap.MADV_MERGEABLE)

    def refill(self):
        self.fill(*self.run())

    def rest(self):
        time.sleep(chance.random() / 10)


def check_all(when):
    for arena in arenas:
        arena.check(0, arena.pages, when)


def fork():
    child = os.fork()
    if child == 0:
        signal.alarm(120)
        check_all("in a child")
        chance.choice(arenas).discard()
        check_all("at the end of a child")
        os._exit(0)
    board[FORKS] += 1
    status = os.waitpid(child, 0)[1]
    if status not in (0, signal.SIGKILL):
        give_up(ERRORS, f"a child ended with status {status:#x}")


def work(acts):
    for act in range(acts):
        if board[COMMAND] == REST:
            check_all("before a rest")
            board[RESTING] = 1
            while board[COMMAND] == REST:
                time.sleep(0.3)
                check_all("at rest")
            board[RESTING] = 0
        if board[COMMAND] != WORK:
            return
        arena = chance.choice(arenas)
        chance.choices(
            [arena.stamp, arena.refill, arena.rest, arena.discard, arena.resize, arena.unmerge, fork], [10, 6, 6, 3, 1, 1, 1]
        )[0]()
        if chance.randrange(60) == 0:
            subprocess.run(["true"], check=True)
            board[SPAWNS] += 1
        board[OPERATIONS] += 1


board[RESTING], board[ACTORS] = 0, 1
try:
    arenas = [Arena() for _ in range(3)]
    work(chance.randrange(100, 1500))
    check_all("at the end")
except Exception as error:
    give_up(ERRORS, f"{type(error).__name__}: {error}")
board[ACTORS], board[ENDS] = 0, board[ENDS] + 1
