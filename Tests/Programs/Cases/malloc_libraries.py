# A program that is linked with another malloc (tcmalloc, jemalloc, mimalloc) runs, whether all memory is merged or what it marks.
import os, pathlib, subprocess, sys, tempfile

SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
    for (int round = 0; round < 20; round++) {
        char *blocks[100];
        for (int i = 0; i < 100; i++) blocks[i] = memset(malloc(1 + i * 9000), i, 1 + i * 9000);
        for (int i = 0; i < 100; i++) {
            if (blocks[i][i * 9000] != i) return 3;
            free(blocks[i]);
        }
    }
    puts("right");
    return 0;
}
"""

folder = pathlib.Path(tempfile.mkdtemp())
(folder / "child.c").write_text(SOURCE)
plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
tried = 0
for library in ("libtcmalloc.so.4", "libjemalloc.so.2", "libmimalloc.so.2"):
    command = ["cc", "-O1", "-fno-builtin", "-o", folder / "child", folder / "child.c", "-Wl,--no-as-needed", "-l:" + library]
    if subprocess.run(command, env=plain, capture_output=True).returncode: continue
    if subprocess.run([folder / "child"], env=plain, capture_output=True).returncode: continue
    tried += 1
    for merge_any in ("0", "1"):
        environment = dict(os.environ, SAMEPAGE_MERGE_ANY=merge_any)
        done = subprocess.run([folder / "child"], env=environment, capture_output=True, text=True, timeout=20)
        if done.returncode or done.stdout != "right\n" or done.stderr:
            print(f"wrong: with {library}: exit status {done.returncode}, {done.stderr[-200:]!r}")
            sys.exit(1)
if not tried:
    print("skipped: no other malloc is installed")
    sys.exit(77)
