"""Goes through the steps of a Dockerfile without an engine, on Debian's own Python, and starts what they make."""

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tools.packages.dockerfile import Instruction, Stage
from tools.packages.release import PYTHON
from tools.packages.run import ROOT, PackagingError, run

PACKAGES = "python3,python3-venv,python3-pip,ca-certificates,passwd"
EXTERNAL = "/usr/lib/python3*/EXTERNALLY-MANAGED"  # images have none
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # of images
READY_S, END_S = 60, 20


class Replay:
    """The stages of a Dockerfile as folders; the last one is what would be the image."""

    def __init__(self, stages: Sequence[Stage], folder: Path, say: Callable[[str], None]) -> None:
        self._stages = stages
        self._folder = folder
        self._say = say
        self._roots: dict[str, Path] = {}

    def check(self) -> None:
        """Go through all steps, start the program and end it. Raises: PackagingError."""
        base, wheels = self._folder / "base", self._folder / "wheels"
        self._make_base(base)
        self._fetch(wheels)
        for number, stage in enumerate(self._stages):
            root = self._folder / f"stage-{number}"
            run("cp", "-a", str(base), str(root))
            self._roots[stage.name] = root
            self._follow(stage, root, wheels)
        last = self._stages[-1]
        self._start(last, self._roots[last.name])

    def _make_base(self, base: Path) -> None:
        suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
        options = ["--quiet", "--variant=apt", f"--include={PACKAGES}"]
        options += ['--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io"]
        run("mmdebstrap", *options, suite, str(base))
        (base / "usr/local/bin/python").symlink_to(PYTHON)
        for path in base.glob(EXTERNAL.lstrip("/")):
            path.unlink()

    def _fetch(self, wheels: Path) -> None:
        """Fetch what the steps install; they run without network."""
        pip = [sys.executable, "-m", "pip", "--python", str(PYTHON), "download", "--quiet"]
        options = ["--dest", str(wheels), "--constraint", str(ROOT / "constraints.txt")]
        run(*pip, *options, f"{ROOT}[ets]", "hatchling")
        for path in wheels.glob("knxgw-*"):
            path.unlink()  # made by the steps

    def _follow(self, stage: Stage, root: Path, wheels: Path) -> None:
        environment, place = {"PATH": SEARCH_PATH}, "/"
        for one in stage.instructions:
            match one.word:
                case "ENV":
                    environment |= _expanded(
                        Stage(name="", image="", instructions=(one,)), environment
                    )
                case "WORKDIR":
                    place = one.rest
                    (root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
                case "COPY":
                    self._copy(one, root, place)
                case "RUN":
                    self._run(one.rest, root, place, environment, wheels)
                case _:
                    pass  # says how the image is run, not what is in it
        self._say(f"stage {stage.name or 'of the image'}: {len(stage.instructions)} steps")

    def _copy(self, one: Instruction, root: Path, place: str) -> None:
        source = one.option("from")
        origin = ROOT if source is None else self._roots[source]
        *paths, target = one.words()
        for path in paths:
            start = origin / path.lstrip("/")
            end = root / place.lstrip("/") / target if target[0] != "/" else root / target[1:]
            end.parent.mkdir(parents=True, exist_ok=True)
            if start.is_dir():
                skipped = shutil.ignore_patterns("__pycache__") if source is None else None
                shutil.copytree(start, end, symlinks=True, ignore=skipped, dirs_exist_ok=True)
            else:
                shutil.copy2(start, end / start.name if end.is_dir() else end)

    def _run(
        self, script: str, root: Path, place: str, environment: dict[str, str], wheels: Path
    ) -> None:
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels-of-the-check"}
        variables = [f"--setenv={key}={value}" for key, value in (environment | offline).items()]
        bound = f"--bind-ro={wheels}:/wheels-of-the-check"
        options = [*variables, bound, "--as-pid2", f"--chdir={place}"]
        run(*_nspawn(root), *options, "/bin/sh", "-c", script)

    def _start(self, stage: Stage, root: Path) -> None:
        """Start the program as first process, with a root that cannot be changed, and ask for its health."""
        environment = _expanded(stage, {"PATH": SEARCH_PATH})
        variables = [f"--setenv={key}={value}" for key, value in environment.items()]
        volume = str(stage.last("VOLUME"))
        state = self._folder / "state"
        run("cp", "-a", str(root / volume.lstrip("/")), str(state))
        options = ["--read-only", "--tmpfs=/tmp", f"--bind={state}:{volume}"]
        options += [f"--user={stage.last('USER')}", f"--chdir={volume}", "--kill-signal=SIGTERM"]
        options += ["--drop-capability=all", "--no-new-privileges=yes"]
        command = [*stage.command("ENTRYPOINT"), *stage.command("CMD")]
        process = subprocess.Popen(  # noqa: S603 - the image's own command
            [*_nspawn(root), *variables, *options, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            self._wait_until_healthy(process, stage.command("HEALTHCHECK"), environment, root)
            self._say("the health check of the image is satisfied")
            os.kill(_first(process) or process.pid, signal.SIGTERM)
            said, _ = process.communicate(timeout=END_S)
            if process.returncode:
                raise PackagingError(f"SIGTERM ended it with {process.returncode}:\n{said}")
            self._say("SIGTERM ended it in order")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()

    def _wait_until_healthy(
        self,
        process: "subprocess.Popen[str]",
        check: list[str],
        environment: dict[str, str],
        root: Path,
    ) -> None:
        enter = ["nsenter", "--net", "--mount", "--root", "--wd", "--target"]
        variables = [f"{key}={value}" for key, value in environment.items()]
        for _ in range(READY_S * 2):
            time.sleep(0.5)
            if process.poll() is not None:
                said, _ = process.communicate()
                raise PackagingError(f"the program ended with {process.returncode}:\n{said}")
            if (first := _first(process)) is None:
                continue
            asked = subprocess.run(  # noqa: S603 - the image's own command
                [*enter, str(first), "env", "-i", *variables, *check],
                capture_output=True,
                check=False,
            )
            if asked.returncode == 0:
                return
        process.kill()
        said, _ = process.communicate()
        raise PackagingError(f"not healthy in {READY_S} s, in {root}:\n{said}")


def _nspawn(root: Path) -> list[str]:
    options = ["--quiet", "--private-network", "--register=no", "--keep-unit", "--console=pipe"]
    return ["systemd-nspawn", *options, "--resolv-conf=off", f"--directory={root}"]


def _first(process: "subprocess.Popen[str]") -> int | None:
    """Return the program of a container: the child of nspawn."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    try:
        children = path.read_text(encoding="ascii").split()
    except OSError:
        return None
    return int(children[0]) if children else None


def _expanded(stage: Stage, before: dict[str, str]) -> dict[str, str]:
    """Return the variables of a stage, with `$NAME` filled in by what holds before it."""
    known = dict(before)
    for key, value in stage.environment().items():
        known[key] = re.sub(r"\$(\w+)", lambda found: known.get(found[1], ""), value)
    return known
