"""Looks at the Dockerfile, builds the image and starts it: `make image-check`.

    python -m tools.packages.image

With Docker or Podman the image is built and started. Without an engine its steps are gone through in Debian roots by
mmdebstrap, in systemd-nspawn: the same RUN steps, and the program as first process under the restrictions of
packaging/compose.yaml. That needs root, mmdebstrap and systemd-container.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.packages.dockerfile import mistakes, stages
from tools.packages.replay import Replay
from tools.packages.run import ROOT, PackagingError, memory, run

DOCKERFILE = ROOT / "Dockerfile"
ENGINES = ("docker", "podman")
TAG = "knxgw-image-check"
HEALTHY_S = 60


def main() -> None:
    """Check the Dockerfile of this checkout. Ends with 1 where something is wrong."""
    text = DOCKERFILE.read_text(encoding="utf-8")
    if found := list(mistakes(text, ROOT)):
        sys.exit("\n".join(found))
    _say("Dockerfile: no mistake")
    try:
        engine = working_engine()
        if engine is not None:
            check_with(engine)
        elif os.geteuid() == 0 and shutil.which("mmdebstrap") and shutil.which("systemd-nspawn"):
            _say("no engine works here: the steps of the Dockerfile are gone through without one")
            with tempfile.TemporaryDirectory(prefix="knxgw-image-", dir=memory()) as folder:
                Replay(stages(text), Path(folder), _say).check()
        else:
            _say("not built: no engine works here, nor root with mmdebstrap and systemd-nspawn")
    except PackagingError as err:
        sys.exit(str(err))


def working_engine() -> str | None:
    """Return the engine of this machine that answers, if there is one."""
    for engine in ENGINES:
        if shutil.which(engine) is None:
            continue
        asked = subprocess.run([engine, "info"], capture_output=True, check=False)  # noqa: S603 - ours
        if asked.returncode == 0:
            return engine
    return None


def check_with(engine: str) -> None:
    """Build the image and wait until a container of it is healthy. Raises: PackagingError."""
    # Podman's own format has no health check
    formats = ["--format", "docker"] if engine == "podman" else []
    run(engine, "build", *formats, "--tag", TAG, str(ROOT))
    size = int(run(engine, "image", "inspect", "--format", "{{.Size}}", TAG))
    _say(f"{engine}: built, {size / 1e6:.0f} MB")
    restricted = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--network", "none"]  # noqa: S108
    options = [*restricted, "--security-opt", "no-new-privileges", "--health-interval", "2s"]
    name = run(engine, "run", "--detach", *options, TAG)
    try:
        for _ in range(HEALTHY_S):
            state = json.loads(run(engine, "inspect", "--format", "{{json .State}}", name))
            if state.get("Health", {}).get("Status") == "healthy":
                break
            time.sleep(1)
        else:
            raise PackagingError(f"not healthy in {HEALTHY_S} s:\n{run(engine, 'logs', name)}")
        run(engine, "stop", "--time", "20", name)
        status = run(engine, "inspect", "--format", "{{.State.ExitCode}}", name)
        if status != "0":
            raise PackagingError(f"SIGTERM ended it with {status}:\n{run(engine, 'logs', name)}")
    finally:
        run(engine, "rm", "--force", name)
    _say(f"{engine}: healthy, and ended in order")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - for whoever runs it


if __name__ == "__main__":
    main()
