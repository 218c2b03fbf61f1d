// As answers_after_fork, in the program itself, on a new layout for each call.
#include "answers.h"

int main(void) {
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_MEMLOCK, &limit);
    for (int k = 0; k < calls; k++)
        for (int j = 0; args[k][j] != -1; j++)
            for (size_t other = 0; is_harmless(k, args[k][j]) && other < 2; other++) {
                size_t p = (k * 7 + j * 3 + other * 11) % 22;
                int answers[2][3];
                for (int marked = 0; marked < 2; marked++) {
                    char *m = layout(marked);
                    if (marked && k % 2) rewrite(m + 4 * PAGE, 8);
                    errno = 0;
                    answers[marked][0] = call(k, m + parts[p].off * PAGE, parts[p].len * (parts[p].len > 0 ? PAGE : 1), args[k][j]);
                    answers[marked][1] = answers[marked][0] < 0 ? errno : 0;
                    answers[marked][2] = keeps_content(k, args[k][j]) ? (int)found_in(m) : 0;
                    if (munmap(m, n * PAGE) && k != 13) wrong("munmap: %s", strerror(errno));
                }
                if (memcmp(answers[0], answers[1], sizeof answers[0])) describe(k, args[k][j], p, answers[0], answers[1]);
            }
    return 0;
}
