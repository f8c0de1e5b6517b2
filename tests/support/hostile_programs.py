"""Programs that try to get out of a sandbox, each harmless where it succeeds.

A program says `escaped()` where it has achieved what it must not and nobody else would notice; the other escapes are
noticed by a `Witness`: its servers, files, secret and canary. `arguments` say where these are. `call` makes a system
call by name, past the C library.

Where `ENDS` has an entry, the run must end in an error that holds these words.
"""

from __future__ import annotations

from support import hostile_bounds, hostile_files, hostile_neighbours, hostile_unseen

PRELUDE = """
import ctypes, errno, os, signal, socket, struct, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
a = arguments
def call(name, *args):
    args = [ctypes.c_long(x) if isinstance(x, int) else x for x in args]
    done = libc.syscall(ctypes.c_long(a["calls"][name]), *args)
    if done < 0:
        raise OSError(ctypes.get_errno(), name)
    return done
def escaped():
    respond("ESCAPED")
def must_fail(name, *args):
    call(name, *args)
    escaped()
"""

_TEXT = r"""
### tcp
socket.create_connection(("127.0.0.1", a["tcp"]), 2).send(b"x")
### udp
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", a["udp"]))
### unix_socket
socket.socket(socket.AF_UNIX).connect(a["unix"])
### abstract_socket
socket.socket(socket.AF_UNIX).connect("\0" + a["abstract"])
### http
import urllib.request
urllib.request.urlopen(f"http://127.0.0.1:{a['tcp']}/", timeout=0.3)
### name_lookup
socket.getaddrinfo("localhost", 80)
socket.getaddrinfo("example.org", 80)
### tcp_by_system_call
s = call("socket", 2, 1, 0)
address = struct.pack("=H", 2) + struct.pack(">H", a["tcp"]) + bytes([127, 0, 0, 1]) + bytes(8)
call("connect", s, address, 16)
### socket_pair_that_sends_elsewhere
left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
left.sendto(b"x", a["unix_datagram"])
### server
s = socket.create_server(("127.0.0.1", 0)); escaped()
### raw_socket
socket.socket(socket.AF_PACKET, socket.SOCK_RAW); escaped()
### netlink
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); escaped()
### io_uring
params = ctypes.create_string_buffer(256)
must_fail("io_uring_setup", 4, params)
### read_secret
respond(open(a["secret"]).read())
### read_secret_by_descriptor_of_folder
folder = os.open(os.path.dirname(a["secret"]), os.O_PATH)
respond(os.read(os.open("secret", os.O_RDONLY, dir_fd=folder), 999).decode())
### read_secret_by_way_up
respond(open("../" * 20 + a["secret"]).read())
### read_secret_by_changing_folder
os.chdir(os.path.dirname(a["secret"])); respond(open("secret").read())
### read_secret_by_symlink
os.symlink(a["secret"], "mine"); respond(open("mine").read())
### read_secret_by_hard_link
os.link(a["secret"], "mine"); respond(open("mine").read())
### read_secret_by_proc_root
respond(open("/proc/self/root" + a["secret"]).read())
### read_secret_by_proc_of_parent
respond([open(f"/proc/{os.getppid()}/root" + a["secret"]).read()])
### read_secret_by_moving_it_here
os.rename(a["secret"], "mine"); respond(open("mine").read())
### read_secret_by_handle
handle = struct.pack("Ii", 128, 0) + bytes(128); mount = ctypes.c_int()
buffer = ctypes.create_string_buffer(handle)
call("name_to_handle_at", -100, a["secret"].encode(), buffer, ctypes.byref(mount), 0)
fd = call("open_by_handle_at", os.open("/tmp", os.O_RDONLY), buffer, 0)
respond(os.read(fd, 999).decode())
### read_secret_by_file_url
import urllib.request
respond(urllib.request.urlopen("file://" + a["secret"]).read().decode())
### read_secret_by_c
libc.fopen.restype = ctypes.c_void_p
file = libc.fopen(a["secret"].encode(), b"r"); buffer = ctypes.create_string_buffer(999)
if not file: raise OSError("fopen")
libc.fread(buffer, 1, 998, ctypes.c_void_p(file)); respond(buffer.value.decode())
### read_secret_by_openat2
how = struct.pack("QQQ", 0, 0, 0)
fd = libc.syscall(437, -100, a["secret"].encode(), how, 24)
if fd < 0: raise OSError(ctypes.get_errno(), "openat2")
respond(os.read(fd, 999).decode())
### list_outside
os.listdir(os.path.dirname(a["secret"])); escaped()
### home
found = []
for folder in {os.path.expanduser("~"), a["home"], "/root"}:
    for name in (".netrc", ".ssh/id_ed25519", "secret"):
        try: found.append(open(os.path.join(folder, name)).read())
        except OSError as error: found.append(str(error))
respond(found)
### passwords
found = []
for name in ("/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/ssh/ssh_config"):
    try: found.append(open(name).read()); escaped()
    except OSError: pass
respond("nothing") if not found else escaped()
### write_secret
open(a["secret"], "w").write("changed")
### append_secret
open(a["secret"], "a").write("changed")
### truncate_secret
os.truncate(a["secret"], 0)
### new_file_outside
open(a["secret"] + ".new", "w").write("here")
### new_folder_outside
os.mkdir(a["secret"] + ".folder")
### remove_secret
os.unlink(a["secret"])
### move_out
open("mine", "w").write("x"); os.rename("mine", a["secret"])
### link_out
open("mine", "w").write("x"); os.link("mine", a["secret"] + ".link")
### write_through_symlink
os.symlink(a["secret"], "mine"); open("mine", "w").write("changed")
### write_through_symlinked_folder
os.symlink(os.path.dirname(a["secret"]), "mine"); open("mine/new", "w").write("x")
### change_mode
os.chmod(a["secret"], 0o600)
### change_mode_by_descriptor
os.fchmod(os.open(a["secret"], os.O_RDONLY), 0o600)
### change_owner
os.chown(a["secret"], 12345, 12345)
### change_time
os.utime(a["secret"], (1, 1))
### change_attribute
os.setxattr(a["secret"], "user.mark", b"1")
### change_python_modes
os.chmod(os.__file__, os.stat(os.__file__).st_mode); escaped()
### write_python
open(os.path.join(os.path.dirname(os.__file__), "tunewise_was_here"), "w").close()
os.unlink(os.path.join(os.path.dirname(os.__file__), "tunewise_was_here")); escaped()
### pipe_outside
os.mkfifo(a["secret"] + ".pipe")
### device
os.mknod("device", 0o600 | 0o060000, os.makedev(254, 0)); os.open("device", os.O_RDONLY); escaped()
### disks_and_memory
for name in ("/dev/vda", "/dev/sda", "/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/net/tun"):
    try: os.open(name, os.O_RDONLY); escaped()
    except OSError: pass
raise OSError("none could be opened")
### proc_settings
open("/proc/sys/kernel/hostname", "w"); escaped()
### sys_settings
for folder, _, names in os.walk("/sys/kernel"):
    for name in names:
        try: os.open(os.path.join(folder, name), os.O_WRONLY); escaped()
        except OSError: pass
    break
os.listdir("/sys/kernel"); escaped()
### shared_memory_folder
open("/dev/shm/tunewise-was-here", "w").close(); os.unlink("/dev/shm/tunewise-was-here"); escaped()
### temporary_folder
open("/tmp/tunewise-was-here", "w").close(); os.unlink("/tmp/tunewise-was-here"); escaped()
### own_environment
respond(dict(os.environ))
### environment_of_parent
respond([open(f"/proc/{os.getppid()}/environ", errors="replace").read()])
### environment_of_all
found = []
for pid in [*filter(str.isdecimal, os.listdir("/proc")), *map(str, range(max(2, os.getppid() - 99), os.getpid()))]:
    try: found.append(open(f"/proc/{pid}/environ", errors="replace").read())
    except OSError: pass
respond(found)
### environment_of_canary
respond(open(f"/proc/{a['canary']}/environ", errors="replace").read())
### environment_on_own_stack
stack = [line for line in open("/proc/self/maps") if "[stack]" in line][0].split()[0]
low, high = (int(x, 16) for x in stack.split("-"))
respond(ctypes.string_at(low, high - low).decode("latin-1"))
### environment_by_c
environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ"); found = []
while environ[len(found)]: found.append(environ[len(found)].decode())
last = ctypes.cast(environ[len(found) - 1], ctypes.c_void_p).value
respond(found)
### command_lines
found = []
for pid in (a["canary"], a["parent"], os.getppid()):
    try: found.append(open(f"/proc/{pid}/cmdline").read())
    except OSError: pass
escaped() if found else respond("none")
### memory_of_canary
stack = [line for line in open(f"/proc/{a['canary']}/maps") if "[stack]" in line][0].split()[0]
low, high = (int(x, 16) for x in stack.split("-"))
memory = open(f"/proc/{a['canary']}/mem", "rb"); memory.seek(low)
respond(memory.read(high - low).decode("latin-1"))
### descriptors_of_parent
for fd in os.listdir(f"/proc/{os.getppid()}/fd"): os.open(f"/proc/{os.getppid()}/fd/{fd}", os.O_RDWR); escaped()
### process_vm_readv
buffer = ctypes.create_string_buffer(64)
local = struct.pack("PN", ctypes.addressof(buffer), 64)
far = struct.pack("PN", 0x1000, 64)
for pid in (a["canary"], os.getppid()):
    try: call("process_vm_readv", pid, local, 1, far, 1, 0)
    except OSError as error:
        if error.errno == errno.EFAULT: escaped()
### process_vm_writev
buffer = ctypes.create_string_buffer(64)
local = struct.pack("PN", ctypes.addressof(buffer), 64)
try: call("process_vm_writev", a["canary"], local, 1, struct.pack("PN", 0x1000, 64), 1, 0)
except OSError as error:
    if error.errno == errno.EFAULT: escaped()
### ptrace_canary
call("ptrace", 0x4206, a["canary"], 0, 0); escaped()
### ptrace_parent
call("ptrace", 0x4206, os.getppid(), 0, 0); escaped()
### steal_descriptor
fd = call("pidfd_open", a["canary"], 0); escaped(); call("pidfd_getfd", fd, 0, 0)
### kill_canary
os.kill(a["canary"], signal.SIGKILL)
### stop_canary
os.kill(a["canary"], signal.SIGSTOP)
### signal_parent
os.kill(os.getppid(), 0); escaped()
### signal_caller
os.kill(a["parent"], 0); escaped()
### signal_group
os.kill(0, 0); escaped()
### signal_everybody
os.kill(-1, 0); escaped()
### signal_thread_of_canary
call("tgkill", a["canary"], a["canary"], 9)
### signal_thread_the_old_way
call("tkill", a["canary"], 9)
### signal_with_value
info = struct.pack("iii", 9, 0, -1) + bytes(116)
call("rt_sigqueueinfo", a["canary"], 9, info)
### signal_by_descriptor
signal.pidfd_send_signal(os.pidfd_open(a["canary"]), signal.SIGKILL)
### signal_by_owner_of_pipe
import fcntl
r, w = os.pipe()
fcntl.fcntl(r, 8, a["canary"])
fcntl.fcntl(r, fcntl.F_SETFL, fcntl.fcntl(r, fcntl.F_GETFL) | 0o20000)
os.write(w, b"x"); time.sleep(0.1)
### limits_of_canary
import resource
resource.prlimit(a["canary"], resource.RLIMIT_NOFILE, (7, 7))
### priority_of_canary
os.setpriority(os.PRIO_PROCESS, a["canary"], 19)
### processor_of_canary
os.sched_setaffinity(a["canary"], {0}); escaped()
### fork_bomb
bombs = 0
def bomb():
    global bombs
    for _ in range(40):
        if os.fork() == 0: time.sleep(1.5); os._exit(0)
        bombs += 1
try: bomb()
finally: escaped() if bombs else None
### vfork
call("vfork") if "vfork" in a["calls"] else call("clone", 17, 0, 0, 0, 0)
escaped()
### clone3
done = libc.syscall(435, struct.pack("QQQQQQQQ", 0, 0, 0, 0, 17, 0, 0, 0), 64)
if done == 0: os._exit(0)
if done < 0: raise OSError(ctypes.get_errno(), "clone3")
escaped()
### clone_with_namespace
done = libc.syscall(a["calls"]["clone"], 0x10000000 | 17, 0, 0, 0, 0)
if done == 0: os._exit(0)
if done < 0: raise OSError(ctypes.get_errno(), "clone")
escaped()
### daemon
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(0.3)
        socket.create_connection(("127.0.0.1", a["tcp"]), 2)
        time.sleep(1)
    os._exit(0)
time.sleep(0.5)
### own_session
os.setsid(); escaped()
### own_group
os.setpgid(0, 0); escaped()
### shell
os.execv("/bin/sh", ["sh", "-c", f"cat {a['secret']}"])
### shell_by_subprocess
import subprocess
respond(subprocess.run(["cat", a["secret"]], capture_output=True, text=True).stdout)
### shell_by_system
if os.system("true") == 0: escaped()
else: raise OSError("no shell")
### program_from_memory
fd = os.memfd_create("x"); os.write(fd, b"#!/bin/sh\necho"); escaped()
### multiprocessing
import multiprocessing
multiprocessing.get_context("fork").Process(target=print).start(); escaped()
### thread_bomb
made = 0
try:
    threading.stack_size(65536)
    for _ in range(3000):
        threading.Thread(target=time.sleep, args=(1.5,), daemon=True).start(); made += 1
        if made == 200: escaped()
finally: time.sleep(0.3)
### memory
x = bytearray(3 << 30); escaped()
### memory_in_pieces
x = []
while True: x.append(bytearray(1 << 24))
### memory_by_map
import mmap
x = mmap.mmap(-1, 3 << 30); escaped()
### memory_shared
call("shmget", 0, 1 << 20, 0o1600); escaped()
### message_queue
call("msgget", 0, 0o1600); escaped()
### endless
while True: pass
### endless_in_c
10 ** (10 ** 9)
### endless_and_deaf
for s in (signal.SIGXCPU, signal.SIGTERM, signal.SIGINT, signal.SIGALRM): signal.signal(s, signal.SIG_IGN)
while True:
    try: time.sleep(0.01)
    except BaseException: pass
### sleeps
time.sleep(1000)
### endless_recursion_of_exceptions
def again():
    try: again()
    finally: again()
again()
### endless_exit
class End:
    def __str__(self): time.sleep(1000)
class Bad(BaseException):
    def __str__(self):
        while True: pass
raise Bad
### stopped
os.kill(os.getpid(), signal.SIGSTOP)
### huge_output
while True: os.write(1, b"x" * 65536)
### huge_errors
while True: os.write(2, b"y" * 65536)
### huge_line
print("z" * 30_000_000)
respond("printed")
### terminal_codes
raise ValueError("\x1b[2J\x1b]0;title\x07\r\n\u202e fake")
### huge_file
with open("f", "wb") as f:
    while True: f.write(bytes(1 << 20))
### huge_file_deaf
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
f = os.open("f", os.O_CREAT | os.O_WRONLY)
for _ in range(64): os.write(f, bytes(1 << 20)); done = os.fstat(f).st_size
escaped() if done > 9 << 20 else None
### many_files
for i in range(10 ** 7):
    open(f"f{i}", "w").close()
    if i > 7000 and i % 100 == 0: time.sleep(0.01)
### many_large_files
for i in range(1000):
    with open(f"f{i}", "wb") as f: f.write(bytes(4 << 20))
### files_without_names
kept = []
for i in range(200):
    f = open("f", "wb"); os.unlink("f"); f.write(bytes(4 << 20)); f.flush(); kept.append(f)
time.sleep(0.5)
### deep_folders
for i in range(100_000):
    os.mkdir("d"); os.chdir("d")
    if 400 < i < 1500 and i % 10 == 0: time.sleep(0.01)  # or removing them takes longer than all the rest
### barred_folders
os.mkdir("d", 0o300); os.chdir("d")
for i in range(1000):
    with open(f"f{i}", "wb") as f: f.write(bytes(1 << 20))
### strange_names
for name in (b"\xff\xfe", b"a\nb", b"-rf", b"*", b"x" * 255): open(name, "w").close()
os.mkdir("shut"); os.symlink("shut", "link"); os.symlink("/", "root"); os.symlink("self", "self")
os.mkdir("none", 0)
### many_descriptors
x = [os.open("/dev/null", os.O_RDONLY) for _ in range(100_000)]
### stack_overflow
sys.setrecursionlimit(10 ** 9); threading.stack_size(0)
def down(n): return [down(n + 1)]
class Down:
    def __repr__(self): return repr(self)
ctypes.string_at(1)
### answer_garbage
os.write(3, b"r" + os.urandom(999).replace(b"\n", b"") + b"\n")
### answer_twice_locked
os.write(3, b"lnull\nl{}\nr\"unlocked\"\n")
### answer_nested
os.write(3, b"r" + b"[" * 100_000 + b"]" * 100_000 + b"\n")
### answer_nested_objects
os.write(3, b"r" + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n")
### answer_nan
respond(float("nan"))
### answer_infinite
respond({"score": float("-inf")})
### answer_nan_written
os.write(3, b"r{\"score\": NaN}\n")
### answer_minus_infinity_written
os.write(3, b"r-Infinity\n")
### answer_too_large_number
os.write(3, b"r1e999\n")
### answer_too_long_integer
os.write(3, b"r" + b"9" * 10_000 + b"\n")
### answer_no_unicode
os.write(3, b"r\"\\ud800\"\n")
### answer_pickle
import pickle
class Bomb:
    def __reduce__(self): return (os.kill, (a["canary"], 9))
os.write(3, b"r" + pickle.dumps(Bomb(), 0).replace(b"\n", b" ") + b"\n")
### answer_object
respond(object())
### answer_huge
os.write(3, b"r\"")
while True: os.write(3, b"x" * 65536)
### answer_huge_by_respond
respond("x" * (64 << 20))
### answer_endless_lines
for _ in range(200_000): os.write(3, b"r1\n")
while True: os.write(3, b"r1\n" * 1000)
### error_garbage
os.write(3, b"e" + b"[" * 100_000 + b"\n"); os._exit(3)
### error_not_text
os.write(3, b"e{\"a\": 1}\n"); os._exit(3)
### streams_closed
os.closerange(0, 1000); time.sleep(1000)
### streams_closed_and_ended
os.closerange(0, 1000); os._exit(7)
### exit_at_once
os._exit(9)
### exit_with_text
sys.exit("score: 0.0")
### exit_by_signal
os.kill(os.getpid(), signal.SIGKILL)
### end_of_work
import atexit
atexit.register(time.sleep, 1000)
threading.Thread(target=time.sleep, args=(1000,)).start()
respond("done")
### exit_patched
os._exit = lambda code: None
sys.exit = os._exit
raise SystemExit(5)
### json_patched
import json
json.dumps = lambda *args, **more: "NaN"
respond(1)
### guest_patched
for module in list(sys.modules.values()):
    for name in ("send", "tell", "respond", "execute", "lock_down"):
        if hasattr(module, name): setattr(module, name, lambda *args: None)
raise ValueError("patched")
### frames
frame = sys._getframe()
while frame: found = str(frame.f_locals) + str(frame.f_globals.keys()); frame = frame.f_back
respond([str(x) for x in __import__("gc").get_objects() if isinstance(x, dict)][:5000])
### import_hook
class Hook:
    def find_spec(self, name, path=None, target=None): raise ImportError(open(a["secret"]).read())
sys.meta_path.insert(0, Hook())
import some_module
### start_up_files
for name in ("sitecustomize.py", "usercustomize.py", "json.py", "tunewise.py", ".pythonrc"):
    open(name, "w").write(f"open({a['secret']!r} + '.new', 'w')")
### inherited_descriptors
found = []
for fd in range(3, 1024):
    if fd == 3: continue
    try: os.fstat(fd); found.append(fd)
    except OSError: pass
escaped() if found else respond("none")
### setuid
os.setuid(0); escaped()
### setresuid
os.setresuid(0, 0, 0); escaped()
### groups
os.setgroups([0]); escaped()
### capabilities
call("capset", struct.pack("Ii", 0x20080522, 0), b"\xff" * 24); escaped()
### is_root
escaped() if os.getuid() == 0 or os.getgroups() not in ([], [os.getgid()]) else respond("no")
### chroot
os.mkdir("r"); os.chroot("r"); escaped()
### mount
call("mount", b"none", b".", b"tmpfs", 0, 0); escaped()
### mount_the_new_way
call("fsopen", b"tmpfs", 0); escaped()
### unmount
call("umount2", b"/proc", 2); escaped()
### pivot_root
call("pivot_root", b".", b"."); escaped()
### user_namespace
call("unshare", 0x10000000); escaped()
### network_namespace
call("unshare", 0x40000000); escaped()
### enter_namespace
call("setns", os.open("/proc/1/ns/net", os.O_RDONLY), 0); escaped()
### bpf
call("bpf", 0, bytes(120), 120); escaped()
### perf
call("perf_event_open", struct.pack("II", 1, 112) + bytes(104), 0, -1, -1, 0); escaped()
### keys
call("keyctl", 0, -3, 1); escaped()
### add_key
call("add_key", b"user", b"x", b"x", 1, -2); escaped()
### userfaultfd
call("userfaultfd", 1); escaped()
### kernel_module
call("init_module", b"x", 1, b""); escaped()
### reboot
call("reboot", 0, 0, 0, 0)
### clock_set
time.clock_settime(time.CLOCK_REALTIME, time.time()); escaped()
### clock_faked
time.time = time.monotonic = time.perf_counter = lambda: 0.0
signal.setitimer(signal.ITIMER_REAL, 0)
while True: pass
### host_name
name = os.uname().nodename.encode()
call("sethostname", name, len(name)); escaped()
### dumpable
if libc.prctl(4, 0, 0, 0, 0) == 0: escaped()
### outlive_parent
if libc.prctl(1, 0, 0, 0, 0) == 0: escaped()
### loosen_filter
code = struct.pack("HBBI", 6, 0, 0, 0x7FFF0000); buffer = ctypes.create_string_buffer(code)
call("seccomp", 1, 0, struct.pack("HxxxxxxP", 1, ctypes.addressof(buffer)))
socket.create_connection(("127.0.0.1", a["tcp"]), 2)
### raise_limits
import resource
for name in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE):
    try: resource.setrlimit(name, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); escaped()
    except (OSError, ValueError): pass
### second_table_of_calls
fd = libc.syscall(0x40000000 + 41, 2, 1, 0)
if fd >= 0: escaped()
### calls_of_32_bits
import mmap, platform
if platform.machine() != "x86_64": raise OSError("x86_64 only")
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes.fromhex("53b814000000cd805bc3"))
if ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))() > 0: escaped()
### terminal_input
import fcntl
fcntl.ioctl(0, 0x5412, b"x"); escaped()
### watch_files
call("inotify_init1", 0); escaped()
### lock_memory
call("mlockall", 1); escaped()
"""

_PARTS = (
    (
        _TEXT.rstrip()
        + hostile_files.TEXT.rstrip()
        + hostile_neighbours.TEXT.rstrip()
        + hostile_unseen.TEXT.rstrip()
        + hostile_bounds.TEXT
    )
    .strip("\n")
    .removeprefix("### ")
    .split("\n### ")
)
PROGRAMS = {name: source for name, _, source in (part.partition("\n") for part in _PARTS)}

ENDS = {
    **hostile_files.ENDS,
    **hostile_neighbours.ENDS,
    **hostile_unseen.ENDS,
    **hostile_bounds.ENDS,
    "tcp": "PermissionError",
    "fork_bomb": "PermissionError",
    "daemon": "PermissionError",
    "shell": "PermissionError",
    "memory": "MemoryError",
    "memory_in_pieces": "MemoryError",
    "endless": "processor time",
    "endless_in_c": "limit of",
    "endless_and_deaf": "limit of",
    "sleeps": "limit of",
    "stopped": "PermissionError|limit of",
    "answer_endless_lines": "limit of",
    "endless_recursion_of_exceptions": "RecursionError|limit of",
    "endless_exit": "limit of",
    "huge_output": "limit of",
    "huge_errors": "limit of",
    "huge_file": "File too large",
    "many_files": hostile_files.FULL,
    "many_large_files": hostile_files.FULL,
    "files_without_names": hostile_files.FULL,
    "deep_folders": f"{hostile_files.FULL}|can be measured|limit of",
    "barred_folders": f"{hostile_files.FULL}|can be measured",
    "thread_bomb": "threads|start new thread",
    "ptrace_canary": "only an attack",
    "process_vm_readv": "only an attack",
    "mount": "only an attack",
    "bpf": "only an attack",
    "answer_garbage": "answer",
    "answer_nested": "nested too deeply",
    "answer_nested_objects": "nested too deeply",
    "answer_nan": "ValueError",
    "answer_infinite": "ValueError",
    "answer_nan_written": "NaN",
    "answer_minus_infinity_written": "Infinity",
    "answer_too_large_number": "too large",
    "answer_too_long_integer": "digits",
    "answer_no_unicode": "Unicode",
    "answer_pickle": "JSON",
    "answer_object": "TypeError",
    "answer_huge": "largest answer",
    "answer_huge_by_respond": "largest answer|MemoryError",
    "json_patched": "NaN|JSON",
    "streams_closed": "limit of",
    "streams_closed_and_ended": "exit code 7",
    "exit_at_once": "exit code 9",
    "exit_with_text": "score: 0.0",
    "exit_by_signal": "killed",
    "clock_faked": "limit of",
    "terminal_codes": "ValueError|fake",
    "stack_overflow": "SIGSEGV",
    "second_table_of_calls": "only an attack",
    "calls_of_32_bits": "only an attack|x86_64 only",
}
"""Regular expressions for the error of those whose end is certain."""
