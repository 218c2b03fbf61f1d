// Tables that every worker computes for itself and that take memory once: cc table.c $(pkg-config --cflags --libs samepage-agent)
#include <samepage.h>
#include <stdio.h>
#include <unistd.h>

int main(void) {
    size_t bytes = 64 << 20;
    unsigned *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (table == MAP_FAILED || samepage_merge(table, bytes) != 0) {
        perror("table");
        return 1;
    }
    for (size_t i = 0; i < bytes / sizeof *table; i++) table[i] = (unsigned)i * 2654435761u;
    printf("process %d is ready: start another, and look at samepage status\n", getpid());
    fflush(stdout);
    for (char byte; read(0, &byte, 1) == 1;) {}
    for (size_t i = 0; i < bytes / sizeof *table; i++) {
        if (table[i] != (unsigned)i * 2654435761u) return 1;
    }
    return 0;
}
