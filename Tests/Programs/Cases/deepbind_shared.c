// A library loaded with RTLD_DEEPBIND calls the C library directly: it unmaps marked memory and maps a shared file in its
// place. When the program then discards pages there (MADV_DONTNEED), the mapping must still be that of the file.
// library: yes
#include "case.h"
#include <dlfcn.h>
enum { pages = 512, contents = 8 };

void *map_file(void *place, size_t size, int file);
#ifdef LIBRARY
void *map_file(void *place, size_t size, int file) {
    munmap(place, size);
    return mmap(place, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
}
#else
int main(void) {
    char path[4096], name[] = "shared.XXXXXX", content[16] = "";
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 4);
    strcpy(path + (length < 0 ? 0 : length), ".so");
    void *library = dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
    void *(*map)(void *, size_t, int) = library ? dlsym(library, "map_file") : NULL;
    int file = mkstemp(name);
    if (!map || file < 0 || ftruncate(file, pages * PAGE)) skip("%s", map ? strerror(errno) : dlerror());
    char *memory = region(pages, contents);
    merged_or_plain(memory, pages);
    if (map(memory, pages * PAGE, file) != memory) skip("MAP_FIXED: %s", strerror(errno));
    strcpy(memory, "first");
    nap(seconds_to_try(0.5));
    if (madvise(memory, 64 * PAGE, MADV_DONTNEED)) wrong("MADV_DONTNEED: %s", strerror(errno));
    if (strcmp(memory, "first")) wrong("after MADV_DONTNEED the mapping no longer shows its file");
    strcpy(memory, "second");
    if (pread(file, content, sizeof content - 1, 0) < 0 || strcmp(content, "second")) wrong("what is written to the mapping does not reach its file");
    return 0;
}
#endif
