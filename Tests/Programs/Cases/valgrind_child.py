# A program starts a child under valgrind, which reads the debug information of all that is loaded into it.
# The child must run as without us; whether it merges is another matter.
from child_program import check, compiled, skip
import shutil

if not shutil.which("valgrind"): skip("no valgrind")
check(["valgrind", "-q", "--error-exitcode=9", compiled("cc", "-g")])
