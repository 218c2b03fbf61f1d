// Eight threads map, cut, map again by MAP_FIXED and unmap memory of their own, marked in part, for a second, while others of
// the program fork. Nothing of theirs may be missing, and nothing of anyone else's may lie there.
#include "case.h"
enum { threads = 8, pages = 96 };
static double deadline;

static void *work(void *argument) {
    for (unsigned char value = 1 + (uintptr_t)argument; now() < deadline; value += threads) {
        char *mine = map_pages(pages);
        memset(mine, value, pages * PAGE);
        mark(mine, pages / 3);
        munmap(mine + pages / 3 * PAGE, pages / 3 * PAGE);
        char *again = mmap(mine + pages / 3 * PAGE, PAGE, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (again != MAP_FAILED) for (size_t i = 0; i < PAGE; i++) if (again[i]) wrong("a new page is not zero");
        usleep(3000);
        for (size_t i = 0; i < pages / 3 * PAGE; i++)
            if (mine[i] != (char)value || mine[i + pages / 3 * 2 * PAGE] != (char)value) wrong("a byte has changed");
        munmap(mine, pages / 3 * PAGE);
        munmap(mine + pages / 3 * 2 * PAGE, pages / 3 * PAGE);
        if (again != MAP_FAILED) munmap(again, PAGE);
    }
    return NULL;
}

int main(void) {
    deadline = now() + seconds_to_try(2);
    pthread_t all[threads];
    for (uintptr_t i = 0; i < threads; i++) pthread_create(&all[i], NULL, work, (void *)i);
    while (now() < deadline) {
        pid_t child = fork();
        if (child == 0) {
            char *mine = region(64, 4);
            nap(0.05);
            _exit(wrong_pages(mine, 64, 4) != 0);
        }
        expect_exit("a child", status_of(child, 10), 0);
    }
    for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
    return 0;
}
