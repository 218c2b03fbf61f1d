"""A guest of QEMU, confined as libvirt confines its guests, without an operating system: the firmware and what lies in its memory."""
import json, random, socket
from trial import Failure

PAGE = 4096
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
# Where its memory is free.
LOADED, WRITTEN = 64 << 20, 128 << 20


def pages(seed, count):
    """Pages of which no two are equal."""
    return random.Random(seed).randbytes(count * PAGE)


class Guest:
    def __init__(self, trial, name, content=b"", incoming=None):
        """Starts it with content in its memory, or waiting for what comes from another by a socket."""
        self.trial, self.folder = trial, trial.folder / name
        self.folder.mkdir()
        (self.folder / "content").write_bytes(content)
        more = ("-incoming", f"unix:{incoming}") if incoming else (
            "-device", f"loader,file={self.folder}/content,addr={LOADED:#x},force-raw=on")
        self.process = trial.start(
            "qemu-system-x86_64", "-accel", "tcg", "-m", 256, "-nodefaults", "-nographic", "-no-reboot", "-sandbox", SANDBOX, *more,
            "-qmp", f"unix:{self.folder}/monitor,server=on,wait=off", "-gdb", f"unix:{self.folder}/debugger,server=on,wait=off")
        self.monitor = self.connect("monitor").makefile("rw")
        if "QMP" not in self.monitor.readline(): raise Failure("no greeting of QEMU's monitor")
        self.ask("qmp_capabilities")
        # Mode 2: it has installed its filters.
        with open(f"/proc/{self.process.pid}/status") as status: fields = dict(line.split(":", 1) for line in status)
        if fields["Seccomp"].strip() != "2": raise Failure("QEMU has no seccomp filter")

    def connect(self, name):
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(self.trial.limit)
        def attempt():
            link.connect(f"{self.folder}/{name}")
            return True
        self.trial.until(attempt, "QEMU answers", self.process)
        return link

    def ask(self, command, **arguments):
        """The answer to a command of the monitor."""
        self.monitor.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.monitor.flush()
        while True:
            line = self.monitor.readline()
            if not line: raise Failure(f"QEMU has ended: {self.trial.said(self.process)}")
            answer = json.loads(line)
            if "error" in answer: raise Failure(f"{command}: {answer['error']}")
            if "return" in answer: return answer["return"]

    def memory(self, place, size):
        """Bytes of its memory."""
        self.ask("pmemsave", val=place, size=size, filename=f"{self.folder}/memory")
        return (self.folder / "memory").read_bytes()

    def write(self, place, content):
        """Writes to its memory while it runs, as a debugger does."""
        with self.connect("debugger") as link, link.makefile("rb") as answers:
            def receive():
                """The next packet."""
                while (letter := answers.read(1)) != b"$":
                    if not letter: raise Failure("QEMU's debugger has ended")
                answer = b""
                while not answer.endswith(b"#"): answer += answers.read(1)
                answers.read(2)
                link.sendall(b"+")
                return answer[:-1]
            def send(text):
                link.sendall(b"$" + text + b"#%02x" % (sum(text) & 255))
                # At first it says that the guest has stopped.
                while (answer := receive()).startswith(b"T"): pass
                return answer
            if send(b"Qqemu.PhyMemMode:1") != b"OK": raise Failure("QEMU's debugger cannot write to memory")
            for offset in range(0, len(content), 1024):
                part = content[offset:offset + 1024]
                if send(b"M%x,%x:" % (place + offset, len(part)) + part.hex().encode()) != b"OK": raise Failure("a write failed")
            if send(b"D") != b"OK": raise Failure("QEMU's debugger does not let go")

    def end(self):
        """Its exit status."""
        self.ask("quit")
        return self.process.wait(self.trial.limit)
