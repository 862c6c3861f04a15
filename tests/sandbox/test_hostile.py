"""Every attack we know ends as its first line says, and with walls taken away still does no harm."""

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pytest

from alchemist.core.contracts import BatchVotes, Bundle, Limits
from alchemist.core.program import Program
from alchemist.core.task import LabelClass
from alchemist.core.votes import MISSING
from alchemist.sandbox.process import ProcessSandbox, Walls

FOLDER = Path(__file__).parents[1] / "hostile"
ATTACKS = sorted(path.stem for path in FOLDER.glob("*.py"))
CLASSES = tuple(LabelClass(name) for name in ("ham", "spam", "other", "more", "most"))
REAL_MODULES = (
    "os", "socket", "subprocess", "ctypes", "threading", "signal", "time", "random", "atexit",
    "pathlib", "importlib.util", "builtins",
)  # fmt: skip
NEIGHBOUR = Program(
    "neighbour",
    'def label(text):\n    return "spam" if "poison" in text else "ham" if len(text) % 2 else None\n',
)
WALLS = {
    "all walls": Walls(),
    "policy off": Walls(policy=False),
    "policy and language off": Walls(policy=False, language=False, preload=REAL_MODULES),
    "operating system alone": Walls(
        policy=False, language=False, audit=False, preload=REAL_MODULES
    ),
}
SECRET = "sk-a-secret-of-31-characters-xx"


def rows() -> pa.RecordBatch:
    values = [
        f"plain words number {i}"
        + (" poison" if i % 50 == 7 else "")
        + (" ACME" if i % 70 == 3 else "")
        for i in range(200)
    ]
    return pa.record_batch({"id": [str(i) for i in range(200)], "text": values})


@dataclass(frozen=True)
class Attack:
    source: str
    expected: set[str]


def read(name: str, folder: Path) -> Attack:
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    kinds = source.partition("\n")[0].removeprefix("# EXPECT:").partition("|")[0].split()
    return Attack(source.replace("@DIR@", str(folder)), set(kinds))


@pytest.fixture(scope="module", params=WALLS)
def standing(request: pytest.FixtureRequest) -> Iterator[tuple[str, ProcessSandbox]]:
    os.environ["OPENAI_API_KEY"] = SECRET
    with ProcessSandbox(processes=2, walls=WALLS[request.param]) as sandbox:
        assert sandbox.level == "kernel"
        yield request.param, sandbox
    del os.environ["OPENAI_API_KEY"]


@pytest.fixture
def prey(tmp_path: Path) -> Path:
    (tmp_path / "victim").write_text("still here", encoding="utf-8")
    return tmp_path


def attack_beside_neighbour(
    sandbox: ProcessSandbox, source: str, limits: Limits | None = None
) -> BatchVotes:
    bundle = Bundle((Program("attack", source), NEIGHBOUR), CLASSES, ("text",))
    return sandbox.run(bundle, rows(), limits or Limits())


def outcomes(votes: BatchVotes) -> set[str]:
    found = {kind.partition(".")[0] for (name, kind) in votes.faults.counts if name == "attack"}
    return found or {"ok-harmless"}


def leftovers() -> list[str]:
    """Processes below ours that are neither a zygote nor about to be reaped."""
    return [
        " ".join(child.cmdline())
        for child in psutil.Process().children(recursive=True)
        if child.is_running()
        and child.status() != psutil.STATUS_ZOMBIE
        and "confined.zygote" not in " ".join(child.cmdline())
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_ends_as_announced_and_changes_nothing(
    name: str, standing: tuple[str, ProcessSandbox], prey: Path
) -> None:
    walls, sandbox = standing
    attack = read(name, prey)

    limits = Limits() if walls == "all walls" else Limits(hard_s=0.4, strikes=2)
    votes = attack_beside_neighbour(sandbox, attack.source, limits)

    if walls == "all walls":
        assert outcomes(votes) & attack.expected, votes.faults.examples[:3]
    assert [path.name for path in prey.iterdir()] == ["victim"]
    assert (prey / "victim").read_text(encoding="utf-8") == "still here"
    expected = [1 if "poison" in t else 0 if len(t) % 2 else -1 for t in rows()["text"].to_pylist()]
    assert votes.matrix[:, 1].tolist() == expected
    assert not votes.faults.of_program("neighbour").total
    assert not leftovers()
    assert SECRET not in str(votes.faults)


@pytest.mark.slow
def test_environment_is_empty_even_without_language_walls(
    standing: tuple[str, ProcessSandbox],
) -> None:
    source = "import os\ndef label(text):\n    return len(os.environ)\n"
    votes = attack_beside_neighbour(standing[1], source)
    assert set(votes.matrix[:, 0].tolist()) <= {0, MISSING}


BARE = Walls(policy=False, language=False, audit=False, preload=REAL_MODULES)


@pytest.fixture(scope="module")
def bare() -> Iterator[ProcessSandbox]:
    """The kernel's walls alone."""
    with ProcessSandbox(processes=2, walls=BARE) as sandbox:
        yield sandbox


def kinds_of(sandbox: ProcessSandbox, source: str) -> set[str]:
    return outcomes(attack_beside_neighbour(sandbox, source))


CALLS = {
    "socket": (41, 198), "connect": (42, 203), "sendto": (44, 206), "clone": (56, 220),
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "kill": (62, 129),
    "ptrace": (101, 117), "mount": (165, 40), "unlink": (87, None), "unlinkat": (263, 35),
    "rename": (82, None), "truncate": (76, 45), "setitimer": (38, 103), "prctl": (157, 167),
    "seccomp": (317, 277), "memfd_create": (319, 279), "bpf": (321, 280), "execveat": (322, 281),
    "userfaultfd": (323, 282), "process_vm_writev": (311, 271), "pidfd_open": (434, 434),
    "io_uring_setup": (425, 425), "clone3": (435, 435), "nanosleep": (35, 101),
    "shmget": (29, 194), "rt_sigaction": (13, 134), "unshare": (272, 97),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
def test_direct_system_call_ends_the_process(call: str, bare: ProcessSandbox) -> None:
    import platform

    number = CALLS[call][platform.machine() == "aarch64"]
    if number is None:
        pytest.skip(f"{platform.machine()} has no {call}")
    source = f"import ctypes\nlibc = ctypes.CDLL(None)\ndef label(text):\n    return libc.syscall({number}, 2, 1, 0)\n"
    assert kinds_of(bare, source) == {"security"}


@pytest.mark.slow
def test_no_connection_reaches_a_listening_socket(bare: ProcessSandbox) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        port = server.getsockname()[1]
        source = (
            "import socket\ndef label(text):\n"
            f"    socket.create_connection(('127.0.0.1', {port}), 1).send(text.encode())\n"
        )
        assert kinds_of(bare, source) == {"security"}
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        pytest.param("while True: os.fork()", id="os.fork"),
        pytest.param("threading.Thread(target=print).start()", id="a thread"),
        pytest.param("subprocess.run(['id'])", id="subprocess"),
        pytest.param("os.execv('/bin/true', ['true'])", id="exec"),
        pytest.param("os.kill(os.getppid(), 9)", id="kill the parent"),
        pytest.param("os.killpg(0, 9)", id="kill the group"),
    ],
)
def test_no_process_is_made_or_harmed(body: str, bare: ProcessSandbox) -> None:
    source = f"import os, subprocess, threading\ndef label(text):\n    {body}\n"
    assert kinds_of(bare, source) <= {"security", "exception"}
    assert not leftovers()
    assert bare.run(Bundle((NEIGHBOUR,), CLASSES, ("text",)), rows(), Limits()).faults.total == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/proc/self/mem",
        "/proc/1/environ",
        pytest.param(f"/proc/{os.getpid()}/environ", id="/proc/PID/environ"),
        "/dev/null",
    ],
)
def test_no_file_can_be_opened(path: str, bare: ProcessSandbox) -> None:
    source = f"def label(text):\n    return len(open({path!r}, 'rb').read(1))\n"
    votes = attack_beside_neighbour(bare, source)
    assert outcomes(votes) == {"exception"}
    assert "PermissionError" in votes.faults.examples[0].message


@pytest.mark.slow
@pytest.mark.parametrize(
    "walls",
    [
        pytest.param(BARE, id="with seccomp"),
        pytest.param(
            Walls(policy=False, language=False, audit=False, seccomp=False, preload=REAL_MODULES),
            id="without seccomp",
        ),
    ],
)
def test_no_descriptor_is_inherited(walls: Walls) -> None:
    source = (
        "import os\ndef label(text):\n    done = 0\n    for fd in range(64):\n"
        "        try:\n            os.write(fd, b'{}\\n')\n            done += 1\n"
        "        except OSError: pass\n    return min(done, 4)\n"
    )
    with ProcessSandbox(walls=walls) as sandbox:
        votes = attack_beside_neighbour(sandbox, source)
    assert set(votes.matrix[:, 0].tolist()) == {0}


@pytest.mark.slow
def test_a_child_maps_its_own_slot_and_no_other() -> None:
    # All walls down, so that the program can look at its own memory map.
    down = Walls(False, False, False, False, False, False, REAL_MODULES)
    source = (
        "def label(text):\n    for _ in range(2000): pass\n"
        "    maps = open('/proc/self/maps').read()\n    return maps.count('alchemist-votes')\n"
    )
    programs = tuple(Program(f"p{k}", source) for k in range(4))
    with ProcessSandbox(processes=4, walls=down) as sandbox:
        assert sandbox.level == "language"
        votes = sandbox.run(Bundle(programs, CLASSES, ("text",)), rows(), Limits())
    assert set(votes.matrix.ravel().tolist()) == {1}


@pytest.mark.slow
def test_without_any_wall_the_attacks_do_work(prey: Path) -> None:
    # The proof that the tests above can fail.
    down = Walls(False, False, False, False, False, False, REAL_MODULES)
    with ProcessSandbox(walls=down) as sandbox:
        for name in ("h02_file_write", "h03_file_delete"):
            attack_beside_neighbour(sandbox, read(name, prey).source)
    assert [path.name for path in prey.iterdir()] == ["was_here"]
