// A program that sleeps while its memory merges gets no signal of a timer that counts its own CPU time, and merges when the timer is off.
#include "case.h"
#include <sys/time.h>
enum { pages = 4096, contents = 64 };
static volatile int signals;
static void note(int signal) { (void)signal; signals++; }

int main(void) {
    const int timers[] = {ITIMER_PROF, ITIMER_VIRTUAL};
    const struct itimerval often = {{0, 10000}, {0, 10000}}, never = {{0, 0}, {0, 0}};
    signal(SIGPROF, note);
    signal(SIGVTALRM, note);
    for (int i = 0; i < 2; i++) {
        char *memory = region(pages, contents);
        if (setitimer(timers[i], &often, NULL)) wrong("setitimer: %s", strerror(errno));
        signals = 0;
        struct timespec pause = {0, 700000000};
        int cut = nanosleep(&pause, NULL);
        setitimer(timers[i], &never, NULL);
        if (signals || cut) wrong("timer %d: %d signals while the program slept", timers[i], signals);
        merged_or_plain(memory, pages);
        if (wrong_pages(memory, pages, contents)) wrong("content changed");
        munmap(memory, pages * PAGE);
    }
    return 0;
}
