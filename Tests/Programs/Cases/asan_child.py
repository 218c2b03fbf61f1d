# A program starts a child that was built with gcc's AddressSanitizer, whose run-time insists on coming first.
# The child must run as without us, without any message; whether it merges is another matter.
from child_program import check, compiled, skip
import os, subprocess

child = compiled("gcc", "-fsanitize=address")
plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
if subprocess.run([child], env=plain, capture_output=True).returncode: skip("programs with AddressSanitizer do not run here")
check([child])
