# A program (here Python) starts a child that was built against musl instead of glibc, and inherits what is preloaded.
# The child must run as without us; whether it merges is another matter.
from child_program import check, compiled

check([compiled("musl-gcc")])
