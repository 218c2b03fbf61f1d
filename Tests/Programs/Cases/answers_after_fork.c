// Answers and error numbers of madvise, mlock, mprotect, mremap, msync, mincore, mbind and the like on memory of all kinds, each in a
// child that has just been forked: the same for merged memory as for memory that was not marked.
#include "answers.h"

int main(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &limit);
    char *layouts[] = {layout(false), layout(true)};
    for (int k = 0; k < calls; k++)
        for (int j = 0; args[k][j] != -1; j++)
            for (size_t p = 0; is_harmless(k, args[k][j]) && p < sizeof parts / sizeof *parts; p++) {
                int answers[2][3], ends[2];
                for (int marked = 0; marked < 2; marked++) {
                    if (pipe(ends)) skip("pipe");
                    pid_t child = fork();
                    if (!child) {
                        errno = 0;
                        int answer[3];
                        answer[0] = call(k, layouts[marked] + parts[p].off * PAGE, parts[p].len * (parts[p].len > 0 ? PAGE : 1), args[k][j]);
                        answer[1] = answer[0] < 0 ? errno : 0;
                        answer[2] = keeps_content(k, args[k][j]) ? (int)found_in(layouts[marked]) : 0;
                        if (write(ends[1], answer, sizeof answer) < 0) _exit(1);
                        _exit(0);
                    }
                    close(ends[1]);
                    // Whoever discards all of its memory ends by that.
                    if (read(ends[0], answers[marked], sizeof answers[0]) != sizeof answers[0]) memset(answers[marked], 9, sizeof answers[0]);
                    close(ends[0]);
                    waitpid(child, NULL, 0);
                }
                if (memcmp(answers[0], answers[1], sizeof answers[0])) describe(k, args[k][j], p, answers[0], answers[1]);
            }
    return 0;
}
