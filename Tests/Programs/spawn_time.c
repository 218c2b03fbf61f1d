/// Prints the median time from starting a program to its end, in microseconds, without and with a library loaded
/// before its own, in turns: `plain N loaded N`.
///
///     spawn_time TIMES LIBRARY PROGRAM
#include "common.h"
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static int by_size(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double run(char *program, char **environment) {
    char *arguments[] = {program, NULL};
    pid_t child;
    int status = 0;
    double start = now();
    if (posix_spawn(&child, program, NULL, NULL, arguments, environment) != 0) fail("%s cannot be started", program);
    if (waitpid(child, &status, 0) != child || status != 0) fail("%s ended with status 0x%x", program, status);
    return (now() - start) * 1e6;
}

int main(int count, char **arguments) {
    if (count != 4) fail("wrong arguments");
    int times = atoi(arguments[1]);
    size_t entries = 0;
    while (environ[entries] != NULL) entries++;
    char **loaded = calloc(entries + 2, sizeof *loaded);
    double *results[2] = {calloc((size_t)times, sizeof(double)), calloc((size_t)times, sizeof(double))};
    char preload[4096];
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", arguments[2]);
    memcpy(loaded, environ, entries * sizeof *loaded);
    loaded[entries] = preload;
    for (int i = 0; i < times; i++) {
        results[0][i] = run(arguments[3], environ);
        results[1][i] = run(arguments[3], loaded);
    }
    for (int i = 0; i < 2; i++) qsort(results[i], (size_t)times, sizeof(double), by_size);
    printf("plain %.1f loaded %.1f\n", results[0][times / 2], results[1][times / 2]);
    return 0;
}
