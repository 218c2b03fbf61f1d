/// A client that means harm: breaks every rule of the language of agents for some seconds, in one of many ways.
///
///     hostile SOCKET MODE SECONDS SEED [SALT [SECRET PAGES]]
///
/// Says "ok ROUNDS CONNECTIONS" at the end, the most that `connections` had at once, or "FAILED: ..." as soon as it got
/// what it must not get. Contents from SECRET on, so many, are another user's: they must not appear in anything that it
/// is sent.
#include "hostile_claims.h"
#include "hostile_descriptors.h"
#include "hostile_store.h"
#include "hostile_wire.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

static double end_time;
static uint64_t secret, secret_pages;

static int goes_on(void) { return now() < end_time; }

static void fill_random(unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)chance(256);
}

/// Random bytes, before and after a right hello; one of each sort first.
static void noise(void) {
    static int round;
    int upload = -1, device = -1, sort = round++;
    int s = sort < 4 ? sort > 0 : (int)chance(2);
    s = s ? join(&upload, &device) : connect_kind(socket_path, SOCK_SEQPACKET);
    if (s < 0) return;
    static unsigned char bytes[100000];
    if (sort == 0) say_bytes(s, "hello", 5);
    if (sort == 1) say(s, OBSERVE, 0, 0, 0, NULL, 0);
    if (sort == 2) say(s, 9999, 0, 0, 0, NULL, 0);
    if (sort == 3) say_bytes(s, bytes, LONGEST + 1);
    for (int i = 0; i < 8 && sort > 3; i++) {
        size_t size = chance(3) ? chance(200) : chance(sizeof bytes);
        fill_random(bytes, size);
        // Often a kind that exists, so that what follows is looked at.
        static const unsigned char kinds[] = {1, 2, 3, 16, 18, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41};
        if (size > 4 && chance(2)) {
            memset(bytes, 0, 4);
            bytes[0] = kinds[chance(sizeof kinds)];
            bytes[2] = (unsigned char)chance(2);
        }
        if (!say_bytes(s, bytes, size)) break;
    }
    close(s);
    if (upload >= 0) close(upload);
    if (device >= 0) close(device);
}

/// Right messages that are cut, too long, twice, in the wrong order, or of an earlier connection.
static void mangle(void) {
    static struct { unsigned char bytes[LONGEST]; size_t size; } known[3];
    struct message m = {{HELLO, 0, 0, 0}, {0}};
    struct hello hello = {1, PAGE, 0, 0, salt};
    memcpy(m.rest, &hello, sizeof hello);
    memcpy(known[0].bytes, &m, known[0].size = sizeof m.head + sizeof hello);
    struct area area = {1, 16, 0x10000};
    m.head = (struct header){AREA_ADDED, 0, 1, 0};
    memcpy(m.rest, &area, sizeof area);
    memcpy(known[1].bytes, &m, known[1].size = sizeof m.head + sizeof area);
    m.head = (struct header){STATISTICS, 1, 0, 1 + chance(4)};
    memset(m.rest, 0xff, 32);
    memcpy(known[2].bytes, &m, known[2].size = sizeof m.head + 32);
    int s = connect_kind(socket_path, SOCK_SEQPACKET);
    if (s < 0) return;
    if (chance(3)) say_hello(s);
    for (int i = 0; i < 6; i++) {
        size_t which = chance(3), size = known[which].size;
        if (chance(3) == 0) size = chance(size + 1);
        if (chance(3) == 0) size += chance(LONGEST - size);
        int repeats = chance(4) ? 1 : 3;
        while (repeats-- > 0) if (!say_bytes(s, known[which].bytes, size)) break;
    }
    close(s);
}

/// Areas that cannot be: empty, endless, over one another, twice, too many, not there.
static void areas(void) {
    int upload, device, s = join(&upload, &device);
    if (s < 0) return;
    static struct area list[2000];
    static int next;
    int which = next++ % 8;
    for (uint32_t round = 0; round < 80; round++) {
        for (uint32_t i = 0; i < 1024; i++) {
            uint32_t number = round * 1024 + i;
            list[i] = (struct area){number, 1, 0x1000 + 2 * (uint64_t)number};
            if (which == 1) list[i].pages = 0;
            if (which == 2) list[i].first = UINT64_MAX - chance(3), list[i].pages = UINT32_MAX;
            if (which == 3) list[i].first = 0x1000 + chance(4), list[i].pages = 4;
            if (which == 4) list[i].area = 7;
            if (which == 5) list[i].pages = UINT32_MAX - (uint32_t)chance(2), list[i].first = number;
            // Downwards: each comes before those that are there.
            if (which == 6) list[i].first = 0x1000000 - 2 * (uint64_t)number;
        }
        // A wrong number.
        uint32_t claimed = which == 7 ? (uint32_t)chance(1000) : 1024;
        if (!say(s, AREA_ADDED, 0, claimed, 0, list, sizeof list[0] * 1024)) break;
        if (which == 0 && !say(s, AREA_REMOVED, 0, 1024, 0, list, sizeof list[0] * 1024)) break;
    }
    if (chance(2)) say(s, AREA_REMOVED, 0, 1, 0, &(struct area){UINT32_MAX, 0, 0}, sizeof list[0]);
    close(s);
    close(upload);
    if (device >= 0) close(device);
}

/// Answers that nobody asked for, or to something else, or of a wrong length.
static void answers(void) {
    int upload, device, s = join(&upload, &device);
    if (s < 0) return;
    close(upload);
    if (device >= 0) close(device);
    static unsigned char rest[LONGEST];
    fill_random(rest, 4096);
    static int round;
    if (round++ % 2) {
        say(s, (uint16_t)(OBSERVE + chance(10)), 1, (uint32_t)chance(600), chance(3), rest, chance(LONGEST));
    } else {
        add_area(s, 1, 0x10000, 512);
        struct message m;
        int files[4], count;
        if (hear(s, &m, 300, files, &count) > 0) {
            int is_right = round % 4 == 1;
            uint64_t sequence = is_right ? m.head.sequence : m.head.sequence + 1 - chance(3);
            uint32_t entries = chance(2) ? (uint32_t)chance(3000) : UINT32_MAX - (uint32_t)chance(3);
            uint16_t kind = is_right ? m.head.kind : (uint16_t)(OBSERVE + chance(10));
            say(s, kind, 1, entries, sequence, rest, 1 + 2 * chance(LONGEST / 2));
        }
    }
    close(s);
}

/// What it says of its memory: area 1 holds each content twice, area 2 the other user's contents.
static uint64_t own_contents;
static uint64_t content_of(const uint32_t page[2]) {
    return page[0] == 2 ? secret + page[1] : own_contents + page[1] / 2;
}

enum lie { NONE, TOO_FAR, TOO_MANY, NO_OUTCOME, ALL_ALIKE, WRONG_COPIES, WRONG_DIGESTS, LIES };

/// The answer to a request, true or not; its bytes after the head, or -1 if it has none.
static ssize_t answer_to(const struct message *m, struct message *a, char *buffer, enum lie lie) {
    static char page[PAGE];
    struct page_set every;
    memset(&every, 0xff, sizeof every);
    uint32_t asked[3];
    memcpy(asked, m->rest, sizeof asked);
    a->head = (struct header){m->head.kind, 1, 0, m->head.sequence};
    uint32_t count = m->head.count < 1024 ? m->head.count : 1024;
    switch (m->head.kind) {
    case OBSERVE: {
        struct observed all = {asked[2] + (lie == TOO_FAR), 0, UINT64_MAX};
        uint32_t run[2] = {asked[1], lie == TOO_MANY ? 0x3FFFFFFF : asked[2] & 0x3FFFFFFF};
        memcpy(a->rest, &all, sizeof all);
        memcpy(a->rest + sizeof all, run, sizeof run);
        a->head.count = 1;
        return sizeof all + sizeof run;
    }
    case CHECKSUM:
        memcpy(a->rest, &every, sizeof every);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t named[2];
            memcpy(named, m->rest + i * 8, sizeof named);
            fill_page(page, content_of(named));
            XXH128_hash_t right = XXH3_128bits(page, PAGE);
            struct digest d = {right.high64, right.low64};
            if (lie == ALL_ALIKE) d = (struct digest){1, 1};
            if (lie == WRONG_DIGESTS) d = (struct digest){0, named[1] / 4};
            memcpy(a->rest + sizeof every + i * sizeof d, &d, sizeof d);
        }
        a->head.count = count;
        return (ssize_t)(sizeof every + count * sizeof(struct digest));
    case UPLOAD:
        memcpy(a->rest, &every, sizeof every);
        for (uint32_t i = 0; i < count && i < UPLOAD_PAGES && buffer != MAP_FAILED; i++) {
            uint32_t named[2];
            memcpy(named, m->rest + i * 8, sizeof named);
            fill_page(buffer + (size_t)i * PAGE, content_of(named) + (lie == WRONG_COPIES));
        }
        if (lie == WRONG_COPIES && buffer != MAP_FAILED && chance(2)) madvise(buffer, UPLOAD_PAGES * PAGE, MADV_REMOVE);
        return sizeof every;
    case MERGE:
        for (uint32_t i = 0; i < count && secret_pages > 0; i++) {
            struct site site;
            memcpy(&site, m->rest + i * sizeof site, sizeof site);
            if (site.area == 2) fail("page %u of another user's has a twin here", site.index);
        }  // fallthrough
    case UNMERGE:
    case EVACUATE:
        a->head.count = m->head.kind == EVACUATE ? 0 : count;
        memset(a->rest, 0xff, 32);
        // "Merged", each of them, and nothing of it is true; or outcomes that do not exist.
        memset(a->rest + 32, lie == NO_OUTCOME ? 200 : 0, a->head.count);
        return 32 + a->head.count;
    case STATISTICS:
        // Whoever says that it has no map entries left is not asked to merge.
        memset(a->rest, lie == NONE || lie == NO_OUTCOME ? 0 : 0xff, 32 + 32 * 16);
        a->head.count = 32;
        return 32 + 32 * 16;
    case FORGET: return 0;
    default: return -1;
    }
}

/// Serves requests until a time.
static void serve(enum lie lie, double stop, int probes) {
    int upload, device, s = join(&upload, &device);
    if (s < 0) return;
    if (device >= 0) close(device);
    if (probes) pry(s);
    if (ftruncate(upload, 0) == 0) fail("the upload buffer can be cut");
    if (fcntl(upload, F_ADD_SEALS, F_SEAL_WRITE) == 0) fail("the upload buffer can be sealed");
    char *buffer = mmap(NULL, UPLOAD_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, upload, 0);
    own_contents = chance(UINT64_MAX);
    add_area(s, 1, 0x10000, 1024);
    if (probes && secret_pages > 0) add_area(s, 2, 0x20000, (uint32_t)secret_pages);
    static struct message m, a;
    int files[4], count;
    int segment = -1;
    while (goes_on() && now() < stop) {
        ssize_t size = hear(s, &m, 50, files, &count);
        if (size == 0) break;
        if (size > 0 && m.head.kind == SEGMENT && count == 1) {
            if (segment >= 0) close(segment);
            segment = files[0];
        } else {
            for (int i = 0; i < count; i++) close(files[i]);
        }
        ssize_t length = size > 0 ? answer_to(&m, &a, buffer, lie) : -1;
        if (length < 0) continue;
        if (!say_bytes(s, &a, sizeof a.head + (size_t)length)) break;
        // The copies go on changing while the daemon reads them.
        int changes = m.head.kind == UPLOAD && lie != NONE && buffer != MAP_FAILED;
        if (changes) memset(buffer, (int)chance(256), PAGE * chance(256));
    }
    if (probes) {
        if (segment < 0) fail("no segment came");
        tamper(segment);
    }
    if (segment >= 0) search_segment(segment, secret, secret_pages);
    if (segment >= 0) close(segment);
    if (buffer != MAP_FAILED) munmap(buffer, UPLOAD_PAGES * PAGE);
    close(upload);
    close(s);
}

/// Serves with one lie for some time, then with the next.
static void liar(void) {
    static int last;
    last = (last + 1) % LIES;
    serve((enum lie)last, now() + 0.7, 0);
}

/// Serves truthfully, but for what it says it has merged, to get frames: then sees what can be done with them.
static void probe(void) { serve(NONE, end_time, 1); }

/// The same, and only looks whose contents are in the frames that it gets.
static void search(void) { serve(NONE, end_time, 0); }

/// Holds the lock of its upload buffer by a write from memory that never comes, so that whoever changes the file waits.
static void holder(void) {
    int upload, device, s = join(&upload, &device);
    if (s < 0) return;
    pid_t child = fork();
    if (child == 0) {
        hold_lock(upload, device);
        _exit(0);
    }
    pause_milliseconds(200);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(s);
    close(upload);
    if (device >= 0) close(device);
}

/// The most that were made in a round.
static size_t most_connected;

/// Thousands of connections that say nothing.
static void connections(void) {
    static int sockets[4000];
    struct rlimit limit = {0, 0};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) limit.rlim_cur = limit.rlim_max, setrlimit(RLIMIT_NOFILE, &limit);
    size_t connected = 0;
    // The daemon gets a little time to make room.
    for (int i = 0, waits = 0; i < 4000; i++) {
        while ((sockets[i] = connect_kind(socket_path, SOCK_SEQPACKET)) < 0 && waits++ < 200) pause_milliseconds(1);
        if (sockets[i] >= 0) connected++;
    }
    if (connected > most_connected) most_connected = connected;
    pause_milliseconds(100);
    for (int i = 0; i < 4000; i++) if (sockets[i] >= 0) close(sockets[i]);
}

/// Comes and goes as fast as it can.
static void storm(void) {
    int s = connect_kind(socket_path, SOCK_SEQPACKET);
    if (s < 0) return;
    if (chance(2)) say_hello(s);
    close(s);
}

/// Joins as often as it is let in, and answers what it is asked, so that it may stay.
static void crowd(void) {
    int sockets[64], files[4], count;
    static struct message m, a;
    for (int i = 0; i < 64; i++) sockets[i] = -1;
    while (goes_on()) {
        for (int i = 0; i < 64; i++) {
            if (sockets[i] < 0) {
                sockets[i] = connect_kind(socket_path, SOCK_SEQPACKET);
                if (sockets[i] >= 0) say_hello(sockets[i]);
                continue;
            }
            ssize_t heard = hear(sockets[i], &m, 0, files, &count);
            if (heard < 0) continue;
            for (int k = 0; k < count; k++) close(files[k]);
            if (heard == 0) {
                close(sockets[i]);
                sockets[i] = -1;
                continue;
            }
            ssize_t length = answer_to(&m, &a, MAP_FAILED, NONE);
            if (length >= 0) say_bytes(sockets[i], &a, sizeof a.head + (size_t)length);
        }
        pause_milliseconds(20);
    }
    for (int i = 0; i < 64; i++) if (sockets[i] >= 0) close(sockets[i]);
}

/// Joins, announces memory, and never reads; or answers nothing; or everything late.
static void slow(void) {
    int upload, device, sockets[8];
    for (int i = 0; i < 8; i++) {
        sockets[i] = join(&upload, &device);
        if (upload >= 0) close(upload);
        if (device >= 0) close(device);
        if (sockets[i] >= 0) add_area(sockets[i], 1, 0x10000, 4096);
    }
    struct message m;
    int files[4], count;
    for (double stop = now() + 2; goes_on() && now() < stop;) {
        pause_milliseconds(400);
        for (int i = 0; i < 4; i++) {
            if (sockets[i] >= 0 && hear(sockets[i], &m, 0, files, &count) > 0 && m.head.kind == FORGET)
                say(sockets[i], FORGET, 1, 0, m.head.sequence, NULL, 0);
        }
    }
    for (int i = 0; i < 8; i++) if (sockets[i] >= 0) close(sockets[i]);
}

/// The socket for commands: long lines, none, binary, hundreds of requests without reading an answer, settings.
static void control(void) {
    char path[200];
    snprintf(path, sizeof path, "%s.control", socket_path);
    static unsigned char bytes[20000];
    int sockets[200];
    for (int i = 0; i < 200; i++) {
        sockets[i] = connect_kind(path, SOCK_STREAM);
        if (sockets[i] < 0) continue;
        fill_random(bytes, sizeof bytes);
        size_t size = chance(sizeof bytes);
        switch (chance(5)) {
        case 0: break;
        case 1: memset(bytes, 'a', size); break;
        case 2: for (size = 0; size + 8 < sizeof bytes; size += 7) memcpy(bytes + size, "status\n", 7); break;
        case 3: size = (size_t)sprintf((char *)bytes, "set run 2\nset pages_to_scan 0\nget \n\nset\n"); break;
        default: size = (size_t)sprintf((char *)bytes, "get pages_shared");
        }
        if (send(sockets[i], bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) continue;
    }
    pause_milliseconds(200);
    for (int i = 0; i < 200; i++) if (sockets[i] >= 0) close(sockets[i]);
}

static const struct { const char *name; void (*round)(void); } modes[] = {
    {"noise", noise}, {"mangle", mangle}, {"areas", areas}, {"answers", answers}, {"liar", liar}, {"claims", claims},
    {"descriptors", descriptors}, {"holder", holder}, {"connections", connections}, {"storm", storm}, {"slow", slow},
    {"control", control}, {"crowd", crowd}, {"probe", probe}, {"search", search},
};

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    socket_path = argv[1];
    end_time = now() + atof(argv[3]);
    random_state = strtoull(argv[4], NULL, 10);
    if (argc > 5) salt = strtoull(argv[5], NULL, 10);
    if (argc > 7) secret = strtoull(argv[6], NULL, 10), secret_pages = strtoull(argv[7], NULL, 10);
    uint64_t rounds = 0;
    for (; goes_on(); rounds++) {
        // Any, but for the last three, which keep to the rules.
        size_t chosen = chance(sizeof modes / sizeof *modes - 3);
        for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
            if (strcmp(argv[2], modes[i].name) == 0) chosen = i;
        modes[chosen].round();
    }
    printf("ok %llu %zu\n", (unsigned long long)rounds, most_connected);
    return 0;
}
