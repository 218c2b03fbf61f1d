// A program maps a file, gives back the middle of it, maps something, and later unmaps the whole file: what mmap(2) allows.
// It must go on as if nothing else used its address space. It marks nothing.
#include "case.h"

int main(void) {
    size_t size = 20 << 20;
    int file = memfd_create("file", 0);
    if (file < 0 || ftruncate(file, size)) skip("memfd: %s", strerror(errno));
    char *whole = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
    munmap(whole + (2 << 20), 12 << 20); // the middle is not needed any more
    char *first = map_pages(1);          // whoever makes tables now may place them into the hole
    munmap(whole, size);                 // the rest of the file goes, hole and all
    char *second = map_pages(1);
    first = first >= whole && first < whole + size ? map_pages(1) : first; // it may have gone with the file
    first[0] = second[0] = 1;
    return 0;
}
