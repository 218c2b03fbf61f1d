# merge-any: yes
# A program of one thread that counts its threads, by each way there is, finds one, as often as it looks.
# Its memory merges between the looks.
import mmap, os, sys, time

def ask():
    descriptor = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
    inner = os.open("task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=descriptor)
    found = {
        "listdir": len(os.listdir("/proc/self/task")),
        "scandir": len(list(os.scandir(f"/proc/{os.getpid()}/task/"))),
        "stat": os.stat("/proc/self/task").st_nlink - 2,
        "fstatat": os.stat("self/task/", dir_fd=os.open("/proc", os.O_RDONLY)).st_nlink - 2,
        "openat": len(os.listdir(inner)),
    }
    os.close(descriptor)
    os.close(inner)
    return found

def expect(count):
    wrong = {way: number for way, number in ask().items() if number != count}
    if wrong:
        print(f"wrong: counts {wrong} instead of {count}")
        sys.exit(1)

memory = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for page in range(0, len(memory), 4096): memory[page:page + 4] = (page >> 13).to_bytes(4, "little")
for pause in (0, 0.3, 1.5):
    time.sleep(pause)
    # Every call that maps may bring the thread back.
    mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
    time.sleep(0.05)
    expect(1)
for page in range(0, len(memory), 4096):
    if memory[page:page + 4] != (page >> 13).to_bytes(4, "little"):
        print("wrong: a page changed")
        sys.exit(1)
sys.exit(0)
