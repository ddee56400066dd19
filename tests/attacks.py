"""Submissions that try to gain points without an answer, or to reach out of the box.

Each is the code of a cell that follows an honest answer to q1 (1 point). None may earn more.
``CANARY`` stands for the path of a file outside that must stay as it is, and unread.
"""

ATTACKS = {
    "prints a grade": """
print('{"points": 25, "state": "graded"}')
q7 = {"points": 2}
""",
    "equal to everything": """
class Sly:
    def __eq__(self, other): return True
    def __float__(self): return 1.0
    __hash__ = None
def q7(*a): return Sly()
""",
    "a number equal to everything": """
class Sly(int):
    def __eq__(self, other): return True
    def __ge__(self, other): return True
    def __le__(self, other): return True
    __hash__ = int.__hash__
def q7(*a): return Sly(3)
""",
    "the comparison patched": """
import paramlab.sealed as sealed
sealed.fits = lambda *a: True
sealed.plain = lambda value, depth=0: value
def q7(*a): return 1
""",
    "the encoder patched": """
import json
json.dumps = lambda message, **k: '{"id": "x", "value": true, "points": 25}'
def q7(*a): return 1
""",
    "answers on every pipe": """
import os
for number in range(3, 20):
    try:
        os.write(number, b'{"ready": true}\\n{"id": "", "value": 1, "state": "right"}\\n' * 50)
    except OSError: pass
""",
    "the request read from the frames": """
import sys
def q7(*a):
    frame = sys._getframe()
    while frame:
        for value in list(frame.f_locals.values()):
            if isinstance(value, dict) and "id" in value:
                return value.get("expected", value.get("right", value.get("answer")))
        frame = frame.f_back
""",
    "the worker taken over": """
import gc, types
for thing in gc.get_objects():
    if isinstance(thing, types.FunctionType) and thing.__name__ in ("call", "limited", "described"):
        thing.__code__ = (lambda *a: (True, None)).__code__
def q7(*a): return True
""",
    "looks for the tests": """
import os
found = []
for folder, folders, files in os.walk("/"):
    if folder in ("/proc", "/dev", "/usr"): folders.clear()
    folders[:] = [name for name in folders if name not in ("site-packages", "assignments")]
    for name in files:
        if name.startswith(("assignment_", "course.toml", "roster.csv")) or name.endswith(".ipynb"):
            found.append(os.path.join(folder, name))
def q7(*a): raise ValueError(str(found)[:150])
""",
    "reads a file outside": """
def q7(*a): raise ValueError(open("CANARY").read())
""",
    "writes a file outside": """
import os
for mode in ("w", "a"):
    try: open("CANARY", mode).write("touched")
    except OSError: pass
try: os.remove("CANARY")
except OSError: pass
""",
    "deletes all that it can": """
import shutil
shutil.rmtree("/", ignore_errors=True)
def q7(*a): return 1
""",
    "reads passwords and memory": """
for path in ("/etc/shadow", "/etc/passwd", "/proc/1/mem", "/proc/1/environ", "/proc/kcore"):
    try: found = open(path, "rb").read(100)
    except OSError: continue
    if path != "/etc/passwd": raise SystemExit
""",
    "kills everybody": """
import os, signal
for number in (1, os.getppid(), -1):
    try: os.kill(number, signal.SIGKILL)
    except OSError: pass
""",
    "ends its process": """
import os
os._exit(0)
""",
    "leaves politely": """
raise SystemExit(0)
""",
    "dies in the call": """
import os
def q7(*a): os.kill(os.getpid(), 9)
""",
    "a crash of the interpreter": """
import ctypes
def q7(*a): return ctypes.string_at(1)
""",
    "a fork bomb": """
import os
while True:
    try: os.fork()
    except OSError: pass
""",
    "a memory bomb": """
hoard = []
while True: hoard.append(bytearray(1 << 24))
""",
    "a memory bomb in children": """
import os
for _ in range(40):
    try: child = os.fork()
    except OSError: break
    if not child:
        hoard = [bytearray(b"x") * (1 << 29)]
        while True: pass
""",
    "a flood of output": """
import sys
while True: print("x" * 10**6)
""",
    "a flood on the pipe": """
import os
while True:
    for number in range(3, 20):
        try: os.write(number, b"x" * 65536)
        except OSError: pass
""",
    "lines on the pipe without end": """
import os
while True:
    for number in range(3, 20):
        try: os.write(number, b'{"running": 1}\\n' * 1000)
        except OSError: pass
""",
    "a full disk": """
with open("/tmp/x", "wb") as file:
    while True: file.write(b"x" * (1 << 20))
""",
    "many files": """
for number in range(10**6): open(f"/tmp/{number}", "w").close()
""",
    "the network": """
import socket
for address in (("127.0.0.1", 22), ("127.0.0.1", 8888)):
    socket.create_connection(address, timeout=1)
def q7(*a): return 1
""",
    "deeply nested": """
def q7(*a):
    value = []
    for _ in range(500_000): value = [value]
    return value
""",
    "deeply nested on the pipe": """
import os
for number in range(3, 20):
    try: os.write(number, b"[" * 500_000 + b"\\n")
    except OSError: pass
""",
    "a huge number": """
def q7(*a): return 10 ** 1_000_000
""",
    "not a number": """
def q7(*a): return float("nan")
def q8(*a): return float("inf")
""",
    "a pickle": """
import pickle
class Bomb:
    def __reduce__(self): return (open, ("CANARY", "w"))
def q7(*a): return pickle.dumps(Bomb())
def q8(*a): return Bomb()
""",
    "links": """
import os
for path in ("CANARY", "/etc/passwd", "/box/worker.py"):
    os.symlink(path, "/tmp/" + str(len(path)))
    try: open("/tmp/" + str(len(path)), "w").write("touched")
    except OSError: pass
""",
    "another clock": """
import time, signal
time.monotonic = time.time = lambda: 0.0
signal.setitimer = lambda *a: None
signal.signal(signal.SIGALRM, signal.SIG_IGN)
def q7(*a):
    while True: pass
""",
    "a loop that catches everything": """
def q7(*a):
    while True:
        try:
            while True: pass
        except BaseException: pass
""",
    "loops in every question": """
def loop(*a):
    while True:
        try:
            while True: pass
        except BaseException: pass
q5 = loop
q6 = loop
q7 = loop
q8 = loop
q9 = loop
""",
    "the environment": """
import os
os.environ.update(PYTHONPATH="/tmp", LD_PRELOAD="/tmp/x.so", PARAMLAB_GRADE="25")
def q7(*a): return os.environ.get("COURSE_SECRET") or os.environ["SECRET"]
""",
    "a process that stays": """
import os, sys
if not os.fork():
    os.setsid()
    if not os.fork(): os.execv("/bin/sleep", ["sleep", "4242"])
    os._exit(0)
""",
    "more rights": """
import os, resource
for attempt in (
    lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.chroot("/tmp"),
    lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)), lambda: os.nice(-20),
    lambda: os.system("mount -t tmpfs none /usr"), lambda: os.mknod("/tmp/disk", 0o60600, 2048),
):
    try: attempt()
    except (OSError, ValueError): pass
def q7(*a): return os.getuid() == 0
""",
    "a namespace of its own": """
import os
os.system("unshare -Urmn sh -c 'mount --bind /tmp /box'")
def q7(*a): return 1
""",
    "other names for the modules": """
import sys
for name in list(sys.modules): sys.modules[name] = sys
def q7(*a): return 1
""",
    "changed arguments": """
def q6(first, weight, second):
    first.clear(); weight.clear(); second.clear()
    return []
""",
    "an answer too deep to be compared": """
import os, sys
def q7(*a):
    frame = sys._getframe()
    while "request" not in frame.f_locals: frame = frame.f_back
    deep = "[" * 3000 + "]" * 3000
    for number in range(3, 20):
        try: os.write(number, b'{"id": "%s", "value": %s}\\n' % (
            frame.f_locals["request"]["id"].encode(), deep.encode()))
        except OSError: pass
    while True: pass
""",
    "half of a character": """
def q7(*a): raise ValueError("\\ud800")
def q8(*a): return {"\\udfff": "\\ud800"}
""",
    "signals held back": """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
def q7(*a):
    while True: pass
""",
    "a process that stops": """
import os, signal
def q7(*a): os.kill(os.getpid(), signal.SIGSTOP)
""",
    "the requests taken away": """
import os, threading
def take():
    while True:
        for number in range(3, 20):
            try: os.read(number, 1)
            except OSError: pass
threading.Thread(target=take, daemon=True).start()
""",
    "another worker, with long answers": """
import json, os
def q7(*a):
    held, long = b"", "0," * 900_000 + "0"
    while True:
        while b"\\n" not in held: held += os.read(3, 1 << 16)
        line, _, held = held.partition(b"\\n")
        os.write(4, ('{"id": "%s", "value": [%s]}\\n' % (json.loads(line)["id"], long)).encode())
""",
    "names that look alike": """
q\uff11\uff11 = "b"
def q\uff17(*a): return 1
""",
    "a debugger for the rest": """
import ctypes, os
libc = ctypes.CDLL(None)
for number in (1, 2, os.getppid()):
    libc.ptrace(16, number, 0, 0)
    try: open(f"/proc/{number}/mem", "r+b").write(b"x")
    except OSError: pass
def q7(*a): return 1
""",
}
