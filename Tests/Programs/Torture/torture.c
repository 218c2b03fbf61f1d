/// A program of the torture: does everything with its memory that programs do, at random but from a seed, and checks
/// every byte against what it knows itself.
///
///     torture BOARD PLACE KIND SEED
///
/// The kinds: plain (one thread), threads, forks, execs, any, and meets, which does nothing but write to pages that are
/// about to merge; each with the letter p behind it where others write too, through pins.
/// It works until it has done as much as the seed says, or the board says that it is the end; when the board says so it
/// rests, looking at its memory again and again. What goes wrong it writes onto the board, and ends with 3.
#include "others.h"
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <ucontext.h>

static struct actor actors[ACTORS_MOST];
static _Atomic int readers_go_on = 1;
static char **own_arguments;
extern char **environ;

static void act(struct actor *actor);
int main(int arguments_count, char **arguments);

/// The line of the map that has an address, or the next one.
static void copy_map_line(uintptr_t address, char *line, size_t size) {
    FILE *file = fopen("/proc/self/maps", "re");
    unsigned long start, end = 0;
    line[0] = 0;
    while (file != NULL && end <= address && fgets(line, (int)size, file)) sscanf(line, "%lx-%lx", &start, &end);
    line[strcspn(line, "\n")] = 0;
}

/// Memory that is not there, or not permitted, although it must be.
static void fall(int number, siginfo_t *information, void *context) {
    uintptr_t address = (uintptr_t)information->si_addr;
    char line[120];
    long long instruction = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] - (long long)(uintptr_t)main;
    signal(number, SIG_DFL);
    copy_map_line(address, line, sizeof line);
    for (size_t i = 0; i < actor_count * ARENAS; i++) {
        const struct actor *owner = &actors[i / ARENAS];
        const struct arena *arena = &owner->arenas[i % ARENAS];
        if (address - (uintptr_t)arena->memory >= arena->pages * PAGE) continue;
        found(ERRORS,
              "process %d, thread %d: signal %d (%d) at %#lx, page %zu of %zu of arena %zu (its owner: %s, %s, %s), by "
              " main%+lld; map: %s",
              (int)getpid(), (int)gettid(), number, information->si_code, address,
              (size_t)(address - (uintptr_t)arena->memory) / PAGE, arena->pages, i, owner->latest[0], owner->latest[1],
              owner->latest[2], instruction, line);
        _exit(3);
    }
    found(ERRORS, "process %d, thread %d: signal %d (%d) at %#lx, by main%+lld; map: %s", (int)getpid(), (int)gettid(),
          number, information->si_code, address, instruction, line);
    _exit(3);
}

static void expect_end(pid_t child, const char *what) {
    int status;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) give_up(ERRORS, "%s: waitpid: %s", what, strerror(errno));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    // Whoever kills this process kills its children too, perhaps before it.
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3) _exit(3);
    give_up(ERRORS, "%s: the child ended with status 0x%x", what, status);
}

static void open_actor(struct actor *actor) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, actor->socket) != 0) {
        give_up(ERRORS, "socketpair: %s", strerror(errno));
    }
    actor->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (actor->pagemap < 0) give_up(ERRORS, "pagemap: %s", strerror(errno));
    open_watch(&actor->watch);
}

/// The life of a child: looks at what it has inherited, works with it, looks again.
__attribute__((noreturn)) static void live_as_child(struct actor *actor, unsigned acts) {
    alarm(120);
    actor->depth++;
    close(actor->socket[0]);
    close(actor->socket[1]);
    close(actor->pagemap);
    close(actor->watch.schedstat);
    forget_agent();
    open_actor(actor);
    // Readers of the parent may have held them.
    for (size_t i = 0; i < ARENAS; i++) pthread_rwlock_init(&actor->arenas[i].lock, NULL);
    check_everything(actor, "in a child");
    actor->random = mixed(actor->random);
    for (unsigned i = 0; i < acts && command() == WORK; i++) act(actor);
    check_everything(actor, "at the end of a child");
    _exit(0);
}

/// A child that lives on beside its parent for a while, or ends at once.
static void fork_child(struct actor *actor) {
    unsigned acts = once_in(actor, 2) ? 0 : 1 + (unsigned)below(actor, 12);
    size_t meanwhile = below(actor, 3);
    if (actor->depth > 1) return;
    begin(&actor->watch);
    pid_t child = fork();
    if (child == 0) live_as_child(actor, acts);
    must(actor, child > 0, FORKING, "fork");
    count(FORKS, 1);
    for (size_t i = 0; i < meanwhile; i++) poke(actor);
    expect_end(child, "fork");
}

static void spawn(struct actor *actor) {
    char *const arguments[] = {"true", NULL};
    pid_t child;
    begin(&actor->watch);
    if (once_in(actor, 2)) {
        child = vfork();
        if (child == 0) {
            execv("/bin/true", arguments);
            _exit(1);
        }
    } else if (posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) != 0) {
        child = -1;
    }
    must(actor, child > 0, FORKING, "a program cannot be started");
    expect_end(child, "a program");
    count(SPAWNS, 1);
}

struct choice {
    const char *name;
    void (*act)(struct actor *);
    unsigned weight;
};

#define CHOICE(act, weight) {#act, act, weight}

static const struct choice choices[] = {
    CHOICE(poke, 40),   CHOICE(rest, 14),    CHOICE(refill, 12),  CHOICE(verify, 6),  CHOICE(discard, 6),
    CHOICE(free_run, 3), CHOICE(grow, 3),    CHOICE(shrink, 2),   CHOICE(move, 2),    CHOICE(map_over, 3),
    CHOICE(map_anew, 1), CHOICE(protect, 4), CHOICE(unmerge, 3),  CHOICE(lock, 2),    CHOICE(advise, 2),
    CHOICE(spawn, 1),    CHOICE(hammer, 25),
};

static void act(struct actor *actor) {
    if (actor->flags & MEETS) {
        if (!(actor->flags & BY_PINS)) meet(actor);
        else if (once_in(actor, 2)) write_slowly(actor);
        else write_by_others(actor);
        count(OPERATIONS, 1);
        return;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) sum += choices[i].weight;
    size_t chosen = below(actor, sum);
    int forks = once_in(actor, actor->flags & OFTEN_FORKS ? 12 : 100);
    int slowly = once_in(actor, 4), otherwise = once_in(actor, 4), lends = once_in(actor, 40);
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (chosen < choices[i].weight) {
            actor->latest[2] = actor->latest[1];
            actor->latest[1] = actor->latest[0];
            actor->latest[0] = choices[i].name;
            choices[i].act(actor);
            break;
        }
        chosen -= choices[i].weight;
    }
    if (slowly) write_slowly(actor);
    if (otherwise) write_by_others(actor);
    if (lends) lend(actor);
    if (forks) fork_child(actor);
    count(OPERATIONS, 1);
}

/// Everything lies still; only to be looked at.
static void stand_still(struct actor *actor) {
    check_everything(actor, "before a rest");
    count(RESTING, 1);
    while (command() == REST) {
        sleep_microseconds(300000);
        check_everything(actor, "at rest");
    }
    atomic_fetch_sub(&place[RESTING], 1);
}

static void *live(void *argument) {
    struct actor *actor = argument;
    open_actor(actor);
    for (size_t i = 0; i < ARENAS; i++) {
        pthread_rwlock_wrlock(&actor->arenas[i].lock);
        map_arena(actor, &actor->arenas[i]);
        pthread_rwlock_unlock(&actor->arenas[i].lock);
    }
    unsigned done = 0;
    while (command() != END && done < actor->operations_left) {
        if (command() == REST) stand_still(actor);
        act(actor);
        if (++done % 100 == 0) check_everything(actor, "now and then");
    }
    check_everything(actor, "at the end");
    // Nobody waits for it to rest.
    atomic_fetch_sub(&place[ACTORS], 1);
    return NULL;
}

/// Reads what others own, all the time.
static void *read_others(void *argument) {
    struct actor *reader = argument;
    open_watch(&reader->watch);
    while (atomic_load(&readers_go_on)) {
        struct actor *actor = &actors[below(reader, actor_count)];
        struct arena *arena = &actor->arenas[below(reader, ARENAS)];
        for (int i = 0; i < 16; i++) {
            if (pthread_rwlock_tryrdlock(&arena->lock) != 0) break;
            begin(&reader->watch);
            if (arena->pages > 0) {
                int whole = once_in(reader, 4);
                size_t page = below(reader, arena->pages), first = whole ? 0 : below(reader, WORDS - 4);
                read_page(actor, arena, page, first, whole ? WORDS : 4);
                lap(&reader->watch, READING);
                count(PAGES_READ, 1);
            }
            pthread_rwlock_unlock(&arena->lock);
        }
        sleep_microseconds(1000);
    }
    return NULL;
}

static void live_in_threads(uint64_t seed) {
    static struct actor reader;
    reader.random = mixed(seed ^ 0x4EAD);
    pthread_t thread;
    for (size_t i = 0; i < actor_count; i++) {
        if (pthread_create(&actors[i].thread, NULL, live, &actors[i]) != 0) give_up(ERRORS, "no thread");
    }
    if (pthread_create(&thread, NULL, read_others, &reader) != 0) give_up(ERRORS, "no thread");
    for (size_t i = 0; i < actor_count; i++) pthread_join(actors[i].thread, NULL);
    atomic_store(&readers_go_on, 0);
    pthread_join(thread, NULL);
}

static unsigned flags_of(const char *kind) {
    unsigned flags = 0;
    if (strncmp(kind, "threads", 7) == 0) actor_count = ACTORS_MOST;
    if (strncmp(kind, "forks", 5) == 0) flags |= OFTEN_FORKS;
    if (strncmp(kind, "execs", 5) == 0) flags |= EXECS_ITSELF;
    if (strncmp(kind, "any", 3) == 0) flags |= ANY;
    if (strncmp(kind, "meets", 5) == 0) flags |= MEETS;
    if (kind[strlen(kind) - 1] == 'p') flags |= BY_PINS;
    return flags;
}

static void become_another(uint64_t seed) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)mixed(seed ^ 0xE8EC));
    count(EXECS, 1);
    execl("/proc/self/exe", own_arguments[0], own_arguments[1], own_arguments[2], own_arguments[3], text, (char *)NULL);
    give_up(ERRORS, "exec: %s", strerror(errno));
}

int main(int arguments_count, char **arguments) {
    if (arguments_count != 5) fail("torture BOARD PLACE KIND SEED");
    own_arguments = arguments;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    open_board(arguments[1], strtoul(arguments[2], NULL, 10));
    uint64_t seed = strtoull(arguments[4], NULL, 10);
    unsigned flags = flags_of(arguments[3]);
    atomic_store(&place[RESTING], 0);
    atomic_store(&place[ACTORS], actor_count);
    struct sigaction action = {.sa_sigaction = fall, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    // Before anything merges: what is forked here has nothing to merge.
    if (flags & BY_PINS) open_others(&actors[0], arguments[1]);
    if (flags & ANY && prctl(67 /* PR_SET_MEMORY_MERGE */, 1, 0, 0, 0) != 0) {
        give_up(ERRORS, "PR_SET_MEMORY_MERGE: %s", strerror(errno));
    }
    if (flags & BY_PINS) open_slow_source();
    for (size_t i = 0; i < actor_count; i++) {
        struct actor *actor = &actors[i];
        actor->random = mixed(seed + i);
        actor->identity = mixed(actor->random) | OWN;
        actor->identity &= ~(uint64_t)0xFFFF;
        actor->flags = flags;
        actor->operations_left = 100 + (unsigned)below(actor, 1500);
        actor->scratch = malloc(PAGE);
        for (size_t j = 0; j < ARENAS; j++) pthread_rwlock_init(&actor->arenas[j].lock, NULL);
    }
    if (strncmp(arguments[3], "plain", 5) == 0 || flags & MEETS) {
        live(&actors[0]);
    } else {
        live_in_threads(seed);
    }
    for (size_t i = 0; i < actor_count; i++) {
        // Its own thread has ended.
        close(actors[i].watch.schedstat);
        open_watch(&actors[i].watch);
        check_everything(&actors[i], "before the end");
    }
    if (flags & EXECS_ITSELF && command() == WORK) become_another(seed);
    count(ENDS, 1);
    return 0;
}
