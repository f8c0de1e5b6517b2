"""A small hostile program with which each backend is tried before it is trusted.

It tries one way out after the other and answers the names of those that worked. The large collection stands in the
tests; here is one of each kind, so that the trial takes a fraction of a second.
"""

__all__ = ["PROGRAM"]

PROGRAM = """
import ctypes, os, signal, socket

def connect():
    socket.create_connection(("127.0.0.1", arguments["port"]), 1).close()

def send_unconnected():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", arguments["port"]))

def read_outside():
    open(arguments["secret"]).read(1)

def read_passwords():
    open("/etc/passwd").read(1)

def list_outside():
    os.listdir(os.path.dirname(arguments["secret"]))

def write_outside():
    open(arguments["secret"] + ".written", "w").close()

def change_mode():
    os.chmod(arguments["secret"], 0o777)

def write_python():
    open(os.path.join(os.path.dirname(os.__file__), "tunewise_was_here"), "w").close()

def environment_of_others():
    seen = [pid for pid in os.listdir("/proc") if pid.isdecimal() and pid != str(os.getpid())]
    seen.append(str(arguments["parent"]))
    for pid in seen:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                content = file.read()
        except OSError:
            continue
        if arguments["witness"].encode() in content:
            return
    raise OSError("nothing found")

def own_environment():
    if arguments["witness"] not in str(os.environ):
        raise OSError("nothing found")

def signal_parent():
    os.kill(arguments["parent"], 0)

def fork():
    if os.fork() == 0:
        os._exit(0)

def execute():
    os.execv("/bin/true", ["true"])

def become_root():
    os.setresuid(0, 0, 0)

def new_namespace():
    if ctypes.CDLL(None, use_errno=True).unshare(0x10000000) != 0:
        raise OSError("refused")

worked = []
for attempt in [connect, send_unconnected, read_outside, read_passwords, list_outside, write_outside, change_mode,
                write_python, environment_of_others, own_environment, signal_parent, fork, become_root, new_namespace,
                execute]:
    try:
        attempt()
    except Exception:
        continue
    worked.append(attempt.__name__)
    respond(worked)
respond(worked)
"""
