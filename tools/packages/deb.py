"""Builds the Debian package: `make deb` writes dist/knxgw_<version>_<architecture>.deb.

    python -m tools.packages.deb [--revision 1] [--into dist]

Needs `dpkg-deb`, and pip for the libraries of constraints.txt. The package is for the release and the
architecture of the machine that builds it: a virtual environment is bound to one version of Python.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from string import Template

from knxgw import __version__
from knxgw.firmware.launcher_archive import write_launcher
from tools.packages.environment import make_environment, notices
from tools.packages.release import Release, this_release
from tools.packages.run import ROOT, PackagingError, run

PACKAGING = ROOT / "packaging"
PLACE = Path("/usr/lib/knxgw")
VENV = PLACE / "venv"
MAIL = "maintainers@knxgw.example.org"  # no mailbox: SECURITY.md says where to write
COMMAND = "usr/bin/knxgw"
SCRIPTS = ("config", "preinst", "postinst", "prerm", "postrm")  # maintainer scripts
CONFFILE = "etc/default/knxgw"  # of the administrator: dpkg asks before it changes it
# Of the administrator; the root side writes there.
EMPTY = ("etc/systemd/network", "etc/systemd/timesyncd.conf.d")
TREE = {  # file of the repository: where it stands on the machine
    "packaging/units/knxgw.service": "usr/lib/systemd/system/knxgw.service",
    **{
        f"packaging/units/knxgw-host-{one}": f"usr/lib/systemd/system/knxgw-host-{one}"
        for one in (
            "network.service",
            "network.path",
            "time.service",
            "time.path",
            "return.service",
        )
    },
    "packaging/files/default": CONFFILE,
    "packaging/files/knxgw": COMMAND,
    "packaging/files/60-knxgw-gpio.rules": "usr/lib/udev/rules.d/60-knxgw-gpio.rules",
    "packaging/files/port-80.conf": "usr/share/doc/knxgw/examples/port-80.conf",
    "packaging/files/lintian-overrides": "usr/share/lintian/overrides/knxgw",
}
PACKED = {  # the same, compressed as Debian wants it
    "packaging/files/knxgw.1": "usr/share/man/man1/knxgw.1.gz",
    "CHANGELOG.md": "usr/share/doc/knxgw/changelog.gz",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """The files of a package, as they will stand on a machine."""

    tree: Path
    release: Release
    version: str  # of the program
    built_at: int  # [s since 1970]; every file has this time

    def build(self, revision: int, into: Path, compressor: str = "xz") -> Path:
        """Write the package and return its file. Raises: PackagingError."""
        version = self.release.package_version(self.version, revision)
        write_control(self, version)
        into.mkdir(parents=True, exist_ok=True)
        file = into / f"knxgw_{version}_{self.release.architecture}.deb"
        for path in (self.tree, *self.tree.rglob("*")):
            os.utime(path, (self.built_at, self.built_at), follow_symlinks=False)
        run(
            "dpkg-deb",
            "--root-owner-group",
            f"-Z{compressor}",
            "--build",
            str(self.tree),
            str(file),
        )
        return file


def stage(work: Path) -> Staged:
    """Put the files of the package together in an empty folder. Raises: PackagingError."""
    release = this_release()
    tree = work / "tree"
    venv = tree / VENV.relative_to("/")
    venv.parent.mkdir(parents=True)
    make_environment(_wheel(work / "wheel"), ROOT / "constraints.txt", venv, VENV)
    staged = Staged(tree=tree, release=release, version=__version__, built_at=_built_at())
    _install(staged)
    return staged


def _wheel(into: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    run(*command, "--directory", str(into))
    (wheel,) = into.iterdir()
    return wheel


def _built_at() -> int:
    """Return the time of the last commit, or what the environment says: two builds are alike."""
    if said := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(said)
    return int(run("git", "log", "-1", "--format=%ct"))


def _install(staged: Staged) -> None:
    tree = staged.tree
    for source, target in TREE.items():
        _put(tree / target, (ROOT / source).read_bytes())
    for source, target in PACKED.items():
        _put(tree / target, packed((ROOT / source).read_bytes()))
    write_launcher(tree / PLACE.relative_to("/") / "launcher.pyz")
    _put(tree / "usr/share/doc/knxgw/copyright", copyright_text(staged).encode())
    for folder in EMPTY:
        (tree / folder).mkdir(parents=True)
    _set_modes(tree)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _set_modes(tree: Path) -> None:
    """Let everybody read and nobody but root write, whatever the umask of the build was."""
    for path in (tree, *tree.rglob("*")):
        if path.is_symlink():
            continue
        runs = path.is_dir() or path.parent == tree / VENV.relative_to("/") / "bin"
        runs = runs or path == tree / COMMAND
        path.chmod(0o755 if runs else 0o644)


def packed(content: bytes) -> bytes:
    """Return a gzip file without name and time."""
    return gzip.compress(content, 9, mtime=0)


def copyright_text(staged: Staged) -> str:
    """Return whose work the package is, and where the licence of each library stands."""
    head = Template((PACKAGING / "debian" / "copyright").read_text(encoding="utf-8"))
    venv = staged.tree / VENV.relative_to("/")
    (packages,) = venv.glob("lib/python3.*/site-packages")
    place = VENV / packages.relative_to(venv)
    lines = []
    for name, licence, files in notices(venv):
        if name.startswith("knxgw "):
            continue
        lines.append(f" {name}: {licence}")
        lines += [f"   {place / file}" for file in files]
    mit = (ROOT / "LICENSE").read_text(encoding="utf-8")
    indented = "\n".join(f" {line}" if line else " ." for line in mit.strip().splitlines())
    return head.substitute(libraries="\n".join(lines), licence=indented)


def write_control(staged: Staged, version: str) -> None:
    """Write what dpkg reads of the package."""
    release, tree = staged.release, staged.tree
    folder = tree / "DEBIAN"
    shutil.rmtree(folder, ignore_errors=True)
    log = f"knxgw ({version}) stable; urgency=medium\n\n  * See changelog.gz.\n\n"
    log += f" -- knxgw authors <{MAIL}>  {formatdate(staged.built_at)}\n"
    _put(tree / "usr/share/doc/knxgw/changelog.Debian.gz", packed(log.encode()))
    facts = {
        "version": version,
        "architecture": release.architecture,
        "python": release.python_version,
        "python_after": release.python_after,
        "release": release.name,
        "mail": MAIL,
        "installed_kib": str(sum(-(-path.lstat().st_size // 1024) for path in tree.rglob("*"))),
    }
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    folder.mkdir()
    _put(folder / "control", filled("control", facts).encode())
    _put(folder / "md5sums", "".join(_sums(tree, files)).encode())
    for name in ("conffiles", "templates"):
        _put(folder / name, (PACKAGING / "debian" / name).read_bytes())
    for name in SCRIPTS:
        text = (PACKAGING / "debian" / name).read_text(encoding="utf-8")
        text = text.replace("@PYTHON@", release.python_version).replace("@RELEASE@", release.name)
        _put(folder / name, text.encode())
        (folder / name).chmod(0o755)


def filled(name: str, facts: Mapping[str, str]) -> str:
    """Return a file of packaging/debian with its places filled in."""
    return Template((PACKAGING / "debian" / name).read_text(encoding="utf-8")).substitute(facts)


def _sums(tree: Path, files: list[Path]) -> Iterator[str]:
    for path in files:
        if (name := path.relative_to(tree).as_posix()) != CONFFILE:  # a conffile
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            yield f"{digest}  {name}\n"


def main() -> None:
    """Build the package of this checkout for this machine."""
    parser = argparse.ArgumentParser(prog="python -m tools.packages.deb", description=__doc__)
    parser.add_argument("--revision", type=int, default=1, help="of the package (default: 1)")
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="folder (default: dist)")
    options = parser.parse_args()
    if shutil.which("dpkg-deb") is None:
        sys.exit("dpkg-deb is missing: build on Debian, Ubuntu or Raspberry Pi OS")
    try:
        with tempfile.TemporaryDirectory(prefix="knxgw-deb-") as work:
            file = stage(Path(work)).build(options.revision, options.into)
    except PackagingError as err:
        sys.exit(str(err))
    print(f"{file}  ({file.stat().st_size / 1e6:.1f} MB)")  # noqa: T201


if __name__ == "__main__":
    main()
