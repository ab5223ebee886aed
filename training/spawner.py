"""A small process that has torch in memory and forks a run in milliseconds.

``python -m training spawner`` speaks JSON, one object per line.

In (stdin)::

    {"op": "start", "run": "/abs/folder", "env": {"JOB_ATTEMPT": "12.3"}}
    {"op": "signal", "run": "/abs/folder", "signal": "TERM" | "KILL"}

Out (stdout)::

    {"op": "ready"}                                            once, when torch is loaded
    {"op": "started", "run": …, "pid": …}
    {"op": "exited", "run": …, "pid": …, "code": 0 | null, "signal": null | 9}
    {"op": "error", "run": … | null, "message": …}             a line that was refused

Each run has its own session and process group and dies with the spawner, as the spawner dies with who
started it. When stdin ends, all runs are killed and the spawner leaves.

The spawner itself never computes and never touches CUDA: threads and a CUDA context do not survive a
fork. Its environment at start (OMP_WAIT_POLICY, CUDA_VISIBLE_DEVICES) holds for all runs; ``env``
reaches a run after torch is loaded, too late for what libraries read while loading.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.deathpact import die_with_parent

OPEN_FILES = 4096
SIGNALS = {"TERM": signal.SIGTERM, "KILL": signal.SIGKILL}

# Everything that a run imports, however late: torch._dynamo comes with the first optimizer, Pillow's
# readers with the first image.
PRELOADED = (
    "numpy",
    "PIL.JpegImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.WebPImagePlugin",
    "pyarrow.parquet",
    "safetensors.torch",
    "torch._dynamo",
    "training.run",
)

Runs = dict[int, str]  # process number → folder


def main() -> int:
    """Serve until stdin ends."""
    die_with_parent()
    _preload()
    children, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(children, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for who started us, and for stdin's end
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    runs: Runs = {}
    try:
        _say(op="ready")
        for line in _lines(children, runs):
            _obey(line, runs)
    finally:
        for pid in list(runs):
            _signal_group(pid, signal.SIGKILL)
        for pid in list(runs):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
    return 0


def _preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    # What is loaded stays: a collection in a child must not touch, and so copy, these pages.
    gc.collect()
    gc.freeze()


def _lines(children: int, runs: Runs) -> Iterator[str]:
    """Whole lines from stdin; between them, ended runs are reported."""
    rest = b""
    while True:
        ready, _, _ = select.select([0, children], [], [])
        if children in ready:
            os.read(children, 4096)
            _reap(runs)
        if 0 in ready:
            part = os.read(0, 65536)
            if not part:
                return
            *whole, rest = (rest + part).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole if line.strip())


def _obey(line: str, runs: Runs) -> None:
    run = None
    try:
        order = json.loads(line)
        run = str(order["run"])
        if order["op"] == "start":
            _start(run, order.get("env", {}), runs)
        elif order["op"] == "signal":
            number = SIGNALS[order["signal"]]
            for pid in [pid for pid, folder in runs.items() if folder == run]:
                _signal_group(pid, number)
        else:
            raise ValueError(f"unknown op {order['op']!r}")
    except (ValueError, KeyError, TypeError, OSError) as error:
        _say(op="error", run=run, message=f"{type(error).__name__}: {error}")


def _start(run: str, env: dict[str, str], runs: Runs) -> None:
    if not Path(run).is_absolute() or not Path(run).is_dir():
        raise ValueError("run must be the absolute path of a folder")
    if run in runs.values():
        raise ValueError("this run is already running")
    if not all(isinstance(text, str) for pair in dict(env).items() for text in pair):
        raise ValueError("env must map names to texts")
    parent = os.getpid()
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(run, env, parent, ours)
    os.close(ours)
    # The child says a byte once it has its own process group: a signal sent earlier would miss it.
    os.read(theirs, 1)
    os.close(theirs)
    runs[pid] = run
    _say(op="started", run=run, pid=pid)


def _child(run: str, env: dict[str, str], parent: int, ready: int) -> None:
    """The forked run. Never returns."""
    code = 1
    try:
        # SIGTERM waits until the run listens; see training.run.main.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        die_with_parent(parent)
        _redirect(Path(run) / "log.txt")
        _limit()
        os.environ.update(env)
        code = _run(run, ready)
    except BaseException:  # nothing may climb back into the spawner's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(run: str, ready: int) -> int:
    from training.leftovers import write_pidfile  # noqa: PLC0415 (loaded already; see _preload)
    from training.run import main as train  # noqa: PLC0415

    write_pidfile(Path(run), os.environ.get("JOB_ATTEMPT"))
    os.write(ready, b".")
    os.closerange(3, OPEN_FILES)  # the spawner's pipes, this one included
    return train(run)


def _redirect(log: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _reap(runs: Runs) -> None:
    for pid, run in list(runs.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            continue
        _signal_group(pid, signal.SIGKILL)  # whatever the run may have started itself
        del runs[pid]
        code = os.waitstatus_to_exitcode(status)
        _say(
            op="exited",
            run=run,
            pid=pid,
            code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
        )


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _say(**message: Any) -> None:
    os.write(1, (json.dumps(message) + "\n").encode())
