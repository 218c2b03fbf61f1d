"""One run of a real program, plainly or merged."""
import contextlib, os, pathlib, shutil, signal, subprocess, tempfile, time


class Failure(Exception):
    """A program did not do what it should."""


class Trial:
    def __init__(self, prefix, limit, quiet):
        """prefix: what stands before the program's own words; limit: seconds that a call may take; quiet: seconds to settle."""
        self.prefix, self.limit, self.quiet = prefix, limit, quiet
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="program-"))
        self.folder.chmod(0o777)
        # Asks the daemon for its status; None in a plain run.
        self.status = None
        self.seconds = 0.0
        self.running = []

    @contextlib.contextmanager
    def timed(self):
        start = time.monotonic()
        yield
        self.seconds += time.monotonic() - start

    def settle(self):
        """Time in which the program is quiet, and merges."""
        if self.prefix: time.sleep(self.quiet)

    def words(self, words, plainly=False, user=None):
        become = ["setpriv", "--reuid", user, "--regid", "nogroup", "--clear-groups", "--"] if user else []
        return become + ([] if plainly else self.prefix) + [str(word) for word in words]

    def environment(self, user):
        return dict(os.environ, HOME=str(self.folder), LC_ALL="C.UTF-8", TMPDIR=str(self.folder), **({"USER": user} if user else {}))

    def start(self, *words, user=None, plainly=False, input=subprocess.DEVNULL, output=None):
        """Starts a program that runs on; it ends with the trial."""
        log = open(self.folder / f"log{len(self.running)}", "w+b")
        process = subprocess.Popen(
            self.words(words, plainly, user), cwd=self.folder, env=self.environment(user), stdin=input, stdout=output or log, stderr=log,
            start_new_session=True)
        process.log = log
        self.running.append(process)
        return process

    def call(self, *words, user=None, plainly=False, input="", allowed=(0,), errors=False):
        """Runs a program to its end; what it printed, with what it said of errors if asked for."""
        process = subprocess.Popen(
            self.words(words, plainly, user), cwd=self.folder, env=self.environment(user), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True)
        try:
            output, complaints = process.communicate(input, timeout=self.limit)
        except subprocess.TimeoutExpired:
            self.kill(process)
            raise Failure(f"{words[0]} did not end in {self.limit:g} s")
        if process.returncode not in allowed: raise Failure(f"{words[0]} ended with {process.returncode}: {(complaints or output).strip()[-300:]}")
        return output + complaints if errors else output

    def until(self, condition, what, process=None):
        """Waits until a condition holds; its value."""
        end = time.monotonic() + self.limit
        while True:
            with contextlib.suppress(OSError, Failure):
                value = condition()
                if value: return value
            if process and process.poll() is not None: raise Failure(f"{what}: ended with {process.returncode}: {self.said(process)}")
            if time.monotonic() > end: raise Failure(f"{what}: not in {self.limit:g} s")
            time.sleep(0.02)

    def said(self, process):
        process.log.seek(0)
        return process.log.read().decode("utf8", "replace").strip()[-300:]

    def rounds(self, *words, copies=2, count=3):
        """Copies of a program that answer each line of input with one line; what they answered."""
        workers = [self.start(*words, input=subprocess.PIPE, output=subprocess.PIPE) for _ in range(copies)]
        answers = []
        for round in range(count):
            with self.timed():
                for worker in workers:
                    with contextlib.suppress(BrokenPipeError):
                        worker.stdin.write(b"go\n")
                        worker.stdin.flush()
                answers.append([self.answer(worker) for worker in workers])
            self.settle()
        for worker in workers:
            worker.stdin.close()
            try: status = worker.wait(self.limit)
            except subprocess.TimeoutExpired: raise Failure("did not end after its last line of input")
            if status: raise Failure(f"ended with {status}: {self.said(worker)}")
        return answers

    def answer(self, worker):
        timer = time.monotonic() + self.limit
        line = b""
        os.set_blocking(worker.stdout.fileno(), False)
        while not line.endswith(b"\n"):
            part = worker.stdout.read()
            if part: line += part
            elif worker.poll() is not None: raise Failure(f"ended with {worker.returncode}: {self.said(worker)}")
            elif time.monotonic() > timer: raise Failure(f"no answer in {self.limit:g} s")
            else: time.sleep(0.002)
        return line.decode()

    def stop(self, process, number=signal.SIGTERM):
        """Asks a program to end; its exit status."""
        process.send_signal(number)
        try: return process.wait(self.limit)
        except subprocess.TimeoutExpired: raise Failure("did not end after a signal")

    def kill(self, process):
        with contextlib.suppress(ProcessLookupError): os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self):
        for process in self.running:
            self.kill(process)
            process.log.close()
        # What left its group.
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError, IndexError):
                if os.readlink(f"/proc/{entry}/cwd").startswith(str(self.folder)): os.kill(int(entry), signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]: pass
        shutil.rmtree(self.folder, ignore_errors=True)
