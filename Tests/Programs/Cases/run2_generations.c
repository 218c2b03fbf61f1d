// 'run' becomes 2 among children of children, one that was stopped, one that has executed a program which marks memory, one
// whose parent was killed, and one that starts while 'run' is 2. None may share a page afterwards; all keep their content;
// and when 'run' is 1 again all merge again.
#include "run2.h"
enum { pages = 512, contents = 256 };

static void own(char *memory, const char *who) { must_own(memory, pages, contents, 5, who); }
static void await(int channel) {
    char byte;
    while (read(channel, &byte, 1) > 0) {}
}
static pid_t child(char *memory, int ready, int go, const char *who, int generations) {
    pid_t process = fork();
    if (process) return process;
    if (generations) {
        pid_t next = child(memory, ready, go, who, generations - 1);
        (void)!write(ready, "", 1);
        await(go);
        own(memory, who);
        int status = status_of(next, 12);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
    }
    (void)!write(ready, "", 1);
    await(go);
    own(memory, who);
    _exit(0);
}

int main(int count, char **arguments) {
    if (count > 1 && atoi(arguments[1]) < 0) { // came while 'run' is 2
        char *memory = region(pages, contents);
        nap(seconds_to_try(0.3));
        own(memory, "a program that started while 'run' is 2");
        return 0;
    }
    if (count > 1) { // executed by a child: argument is the pipe to wait for
        int go = atoi(arguments[1]), ready = atoi(arguments[2]);
        char *memory = region(pages, contents);
        merged_or_plain(memory, pages);
        (void)!write(ready, "", 1);
        await(go);
        own(memory, "an executed program");
        return 0;
    }
    int go[2], ready[2];
    if (pipe(go) || pipe(ready)) skip("pipe: %s", strerror(errno));
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    pid_t executed = fork();
    if (!executed) {
        char first[20], second[20];
        close(go[1]);
        snprintf(first, sizeof first, "%d", go[0]);
        snprintf(second, sizeof second, "%d", ready[1]);
        execl("/proc/self/exe", "case", first, second, NULL);
        _exit(3);
    }
    char byte;
    if (read(ready[0], &byte, 1) != 1) wrong("the executed program said nothing");
    pid_t starter = fork();
    if (!starter) {
        close(go[1]);
        pid_t children[3];
        children[0] = child(memory, ready[1], go[0], "a chain of children", 3);
        children[1] = child(memory, ready[1], go[0], "a child", 0);
        children[2] = child(memory, ready[1], go[0], "a child that was stopped", 0);
        await(go[0]);
        int result = 0;
        for (int i = 0; i < 3; i++) {
            int status = status_of(children[i], 14);
            if (status) result = WIFEXITED(status) ? WEXITSTATUS(status) : 2;
        }
        own(memory, "the starter");
        _exit(result);
    }
    nap(seconds_to_try(0.1));
    pid_t victim = fork();
    if (!victim) {
        pause();
        _exit(0);
    }
    nap(seconds_to_try(0.05));
    samepage_set("run", "0");
    kill(victim, SIGKILL);
    kill(executed, SIGSTOP);
    nap(seconds_to_try(0.3));
    samepage_set("run", "2");
    own(memory, "the first program");
    expect_exit("a program that came", run_self("-1", 10), 0);
    kill(executed, SIGCONT);
    close(go[1]);
    int status = status_of(starter, 20);
    if (status > 0 && WIFEXITED(status)) return WEXITSTATUS(status);
    expect_exit("the children", status, 0);
    status = status_of(executed, 20);
    if (status > 0 && WIFEXITED(status)) return WEXITSTATUS(status);
    expect_exit("the executed program", status, 0);
    samepage_set("run", "1");
    char *later = region(pages, contents);
    merged_or_plain(later, pages);
    return 0;
}
