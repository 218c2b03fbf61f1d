// A program with merged memory is stopped (SIGSTOP) for some seconds. Its pages must stay counted, full scans must go on
// without it, and when it goes on it must share as before, with right content.
#include "case.h"
enum { pages = 2048 };

static _Noreturn void hold(int report, int go) {
    char *memory = region(pages, pages), byte = 0;
    merged_or_plain(memory, pages);
    if (write(report, &byte, 1) != 1 || read(go, &byte, 1) != 1) _exit(2);
    nap(seconds_to_try(1));
    if (under_samepage() && frames_in(memory, pages) < pages - pages / 8) wrong("a program that was stopped lost its frames");
    if (wrong_pages(memory, pages, pages)) wrong("content changed");
    // What it writes after that is seen, and merges again no more than the kernel proves.
    for (int i = 0; i < pages; i++) memory[i * PAGE + 9]++;
    for (int i = 0; i < pages; i++) memory[i * PAGE + 9]--;
    if (wrong_pages(memory, pages, pages)) wrong("content changed after writing");
    _exit(0);
}

int main(void) {
    int report[2], go[2];
    char byte = 0;
    if (pipe(report) || pipe(go)) skip("pipe: %s", strerror(errno));
    pid_t child = fork();
    if (!child) hold(report[1], go[0]);
    close(report[1]);
    char *memory = region(pages, pages); // after the fork: pages shared by it do not merge
    if (read(report[0], &byte, 1) != 1) return 1; // it has said why
    merged_or_plain(memory, pages);
    nap(seconds_to_try(1));
    if (under_samepage()) {
        long before = samepage_get("pages_sharing");
        kill(child, SIGSTOP);
        nap(0.5);
        long scans = samepage_get("full_scans");
        nap(3);
        long grown = samepage_get("full_scans") - scans, during = samepage_get("pages_sharing");
        if (grown < 3) wrong("only %ld full scans in 3 s beside a stopped program", grown);
        if (during < before) wrong("pages_sharing went from %ld to %ld when a program was stopped", before, during);
        kill(child, SIGCONT);
        for (int i = 0; i < 10; i++, nap(0.1)) {
            long after = samepage_get("pages_sharing");
            if (after < before - pages / 8) wrong("pages_sharing went from %ld to %ld when a program went on", before, after);
        }
    }
    if (write(go[1], &byte, 1) != 1) wrong("pipe: %s", strerror(errno));
    int status = status_of(child, 15);
    if (status > 0 && WIFEXITED(status)) return 1; // it has said what was wrong
    expect_exit("the program that was stopped", status, 0);
    return 0;
}
