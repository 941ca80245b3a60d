"""A package on a clean Debian with systemd: installed, run, updated, removed, purged."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knxgw.firmware.keys import ALLOWS_DEVELOPMENT
from knxgw.host.root_folder import Side
from tests.firmware.makers import firmware
from tests.support.built_package import Built, Making
from tests.support.machine import REBOOTED, Done, Machine, nspawn
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.long, pytest.mark.real]
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
STATE = "/var/lib/knxgw"
READY_S = 30.0
PROVED_S = 60.0
BY_HAND = """[Service]
ExecStart=/bin/sleep infinity
"""
UPDATES = {"0.8": "exits", "0.9": "good"}  # firmware that is tried on the machine, and what it does
SCHEMA = 99  # of its state: the previous firmware cannot read it
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080/health').read().decode())"


@pytest.fixture(scope="module")
def packages(built: Built) -> Path:
    """Put what a machine needs beside the packages, and let every user of it read them."""
    folder = built.folder
    for path in (folder, *folder.parents):
        if path.name.startswith("pytest-"):
            break
        path.chmod(0o755)
    (folder / "by-hand.service").write_text(BY_HAND, encoding="utf-8")
    (folder / "wants-reboot.service").write_text(WANTS_REBOOT, encoding="utf-8")
    (folder / "probe.service").write_text(probe_unit(built), encoding="utf-8")
    shutil.copy(Path(__file__).with_name("under_restrictions.py"), folder / "probe.py")
    (folder / "systemd-timesyncd.service").write_text(BY_HAND, encoding="utf-8")
    for side in Side:
        (folder / f"use-rights-{side}.service").write_text(
            rights_unit(built, side), encoding="utf-8"
        )
    shutil.copy(Path(__file__).with_name("use_rights.py"), folder)
    for version, behaviour in UPDATES.items():
        firmware(folder, version, behaviour, SCHEMA)
    fake = folder / "other" / "python3"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 3.99\n", encoding="utf-8")
    fake.chmod(0o755)
    return folder


def probe_unit(built: Built) -> str:
    """Return the unit of the service, but with a program that says what it may do."""
    unit = built.staged.tree / "usr/lib/systemd/system/knxgw.service"
    others = r"^(Type|NotifyAccess|ExecReload|Restart|RestartSec|WatchdogSec)=.*\n"
    text = re.sub(others, "", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
    start = "Type=oneshot\nExecStart=/usr/lib/knxgw/venv/bin/python3 -I /packages/probe.py"
    return re.sub(r"^ExecStart=.*$", start, text, count=1, flags=re.MULTILINE)


@contextmanager
def machine(root: Path, packages: Path) -> Iterator[Machine]:
    """Switch on a machine that has never seen the package."""
    with Machine(root, packages) as one:
        yield one


def install(one: Machine, package: Path) -> str:
    """Install a package as `apt` would, and return what is said."""
    return one.must("dpkg", "--install", f"/packages/{package.name}", env=QUIET)


def wait_until_ready(one: Machine) -> None:
    """Wait until the gateway says that it is ready."""
    said = ""

    def is_ready() -> bool:
        nonlocal said
        done = one.run("python3", "-c", ASK)
        said = done.stdout + done.stderr[-200:] + one.run("systemctl", "status", "knxgw").stdout
        return done.stdout.strip() == "ready"

    wait_until(is_ready, READY_S, lambda: f"the gateway to be ready: {said}")


def main_process(one: Machine, service: str = "knxgw") -> str:
    """Return the number of the first process of a service."""
    return one.must("systemctl", "show", "--property=MainPID", "--value", service).strip()


@pytest.mark.proves("H.99", "H.100")
def test_a_gateway_lives_from_its_installation_to_its_purge(
    making: Making, built: Built, packages: Path, root: Path
) -> None:
    with machine(root, packages) as one:
        # installed
        install(one, built.first)
        wait_until_ready(one)
        paths = [f"knxgw-host-{side}.path" for side in Side]
        services = [f"knxgw-host-{side}.service" for side in Side]
        assert set(one.must("systemctl", "is-enabled", "knxgw", *paths, *services).split()) == {
            "enabled"
        }
        process = main_process(one)
        assert one.must("stat", "-c%U:%G", f"/proc/{process}").strip() == "knxgw:knxgw"
        groups = one.must("id", "-nG", "knxgw").split()
        assert {"dialout", "gpio"} <= set(groups)
        assert one.must("stat", "-c%a %U", STATE).split() == ["750", "knxgw"]
        assert one.must("stat", "-c%a %U:%G", "/etc/knxgw").split() == ["750", "root:knxgw"]
        password = one.must("knxgw", "password", "--initial")
        verify = ["systemd-analyze", "verify", "--man=no", "knxgw.service", *paths, *services]
        assert one.must(*verify, "knxgw-host-return.service") == ""
        leftovers = "find /usr/lib/knxgw -user knxgw"
        assert one.must(*leftovers.split()) == ""

        # a signal to read the configuration again ends nothing
        one.must("systemctl", "reload", "knxgw")
        wait_until(
            lambda: "no charger is controlled" in one.must("journalctl", "-u", "knxgw"),
            READY_S,
            "a line of the log",
        )
        assert main_process(one) == process

        # updated: what was stored is there, another process runs
        one.must("sh", "-c", "echo KNXGW_ARGUMENTS=-v >> /etc/default/knxgw")
        install(one, built.second)
        wait_until_ready(one)
        assert main_process(one) != process
        assert one.must("knxgw", "password", "--initial") == password
        assert "KNXGW_ARGUMENTS=-v" in one.must("cat", "/etc/default/knxgw")
        log = one.must("journalctl", "-u", "knxgw")
        assert log.count("ended") == 1, "the first gateway did not end in order"

        # removed: everything but state, settings and the user
        one.must("dpkg", "--remove", "knxgw", env=QUIET)
        assert one.run("systemctl", "is-active", "knxgw").returncode != 0
        assert one.run("test", "-e", "/usr/lib/knxgw").returncode == 1
        one.must("test", "-e", f"{STATE}/knxgw.sqlite")
        one.must("test", "-e", "/etc/default/knxgw")

        # purged without an answer: what is stored is kept
        said = one.must("dpkg", "--purge", "knxgw", env=QUIET)
        assert f"{STATE} is kept" in said
        one.must("test", "-e", f"{STATE}/knxgw.sqlite")
        assert one.run("test", "-e", "/etc/default/knxgw").returncode == 1
        assert one.run("test", "-e", "/etc/knxgw").returncode == 1

        # installed again: the previous state is taken up
        install(one, built.second)
        wait_until_ready(one)
        assert one.must("knxgw", "password", "--initial") == password

        # purged with the answer that it may go
        answer = "knxgw knxgw/delete-state boolean true"
        one.must("sh", "-c", f"echo '{answer}' | debconf-set-selections")
        one.must("dpkg", "--purge", "knxgw", env=QUIET)
        assert one.run("test", "-e", STATE).returncode == 1
        assert one.run("id", "knxgw").returncode == 1
        left = "find /etc /usr /var/lib/systemd -name *knxgw*"
        assert one.must(*left.split()).split() == []


MAY = {
    "ask the clock",
    "name the boot",
    "keep the owner of a file",
    "hash a password",
    "use a cipher",
    "call back from C",
    "bound a child",
    "start firmware from the state directory",
    "join the multicast of KNX",
    "ask for adapters",
    "read /sys/class/net",
    "read who listens",
    "open a pseudo terminal",
}
MAY_NOT = {
    "set the clock",
    "write to /etc",
    "write to its own configuration",
    "write to /usr",
    "look into /root",
    "make a raw socket",
    "listen on port 80",
    "become root",
}


@pytest.mark.proves("H.101")
def test_the_restrictions_of_the_service_allow_what_the_gateway_does_and_nothing_else(
    built: Built, packages: Path, root: Path
) -> None:
    with machine(root, packages) as one:
        install(one, built.first)
        wait_until_ready(one)
        one.must("cp", "/packages/probe.service", "/etc/systemd/system/probe.service")
        one.must("systemctl", "daemon-reload")
        one.must("systemctl", "start", "probe")
        said = one.must("journalctl", "--output=cat", "-u", "probe").splitlines()
        assert {line[5:] for line in said if line.startswith("yes: ")} == MAY
        assert {line[4:] for line in said if line.startswith("no: ")} == MAY_NOT


@pytest.mark.proves("W40", "W41")
@pytest.mark.parametrize("side", Side)
def test_a_wish_of_the_website_starts_the_half_of_the_root_side_that_it_is_for(
    built: Built, packages: Path, root: Path, side: Side
) -> None:
    with machine(root, packages) as one:
        install(one, built.first)
        wait_until_ready(one)
        answers = [f"{STATE}/host/{half.answer}" for half in Side]
        wait_until(
            lambda: all(one.run("test", "-e", path).returncode == 0 for path in answers),
            READY_S,
            "both halves to say that they are there",
        )
        service = f"knxgw-host-{side}.service"
        shown = ["systemctl", "show", "--property=ExecMainStartTimestampMonotonic", "--value"]
        before = one.must(*shown, service).strip()
        wish = f"echo {{}} > {STATE}/host/{side.wanted}"
        one.must("setpriv", "--reuid=knxgw", "--regid=knxgw", "--init-groups", "sh", "-c", wish)
        wait_until(lambda: one.must(*shown, service).strip() != before, READY_S, "a start of it")
        wait_until(
            lambda: "a key is missing" in one.must("cat", answers[list(Side).index(side)]),
            READY_S,
            "an answer",
        )


def rights_unit(built: Built, side: Side) -> str:
    """Return the unit of a half of the root side, but with a program that does all that it may have to do."""
    unit = built.staged.tree / f"usr/lib/systemd/system/knxgw-host-{side}.service"
    text = re.sub(r"^Restart(Sec)?=.*\n", "", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)
    start = "ExecStart=/usr/lib/knxgw/venv/bin/python3 -I /packages/use_rights.py"
    return re.sub(r"^ExecStart=.*$", f"{start} {side}", text, count=1, flags=re.MULTILINE)


@pytest.mark.proves("W40", "W41", "H.101")
@pytest.mark.parametrize("side", Side)
def test_the_restrictions_of_the_root_side_allow_what_it_does(
    built: Built, packages: Path, root: Path, side: Side
) -> None:
    with machine(root, packages) as one:
        install(one, built.first)
        wait_until_ready(one)
        for name in (f"use-rights-{side}.service", "systemd-timesyncd.service"):
            one.must("cp", f"/packages/{name}", "/etc/systemd/system/")
        one.must("systemctl", "daemon-reload")
        one.must("systemctl", "start", "systemd-networkd", "systemd-timesyncd")
        before = main_process(one, "systemd-timesyncd")
        done = one.run("systemctl", "start", f"use-rights-{side}")
        log = one.must("journalctl", "--output=cat", "-u", f"use-rights-{side}")
        assert done.returncode == 0, log
        assert "all was done" in log
        assert (main_process(one, "systemd-timesyncd") != before) is (side is Side.TIME)


WANTS_REBOOT = f"""[Service]
Type=oneshot
User=knxgw
# As both services have it: nspawn gives whoever sees its own /proc another name of the boot
ProtectProc=invisible
ExecStart=/usr/lib/knxgw/venv/bin/python3 -I -c "from pathlib import Path; from knxgw.machine import asking_of; \\
  assert asking_of(Path('{STATE}')).reboot().failure is None"
"""


@pytest.mark.proves("W67")
@pytest.mark.parametrize("absent", [[], ["systemd-logind.service", "dbus.socket", "dbus.service"]])
def test_the_root_side_restarts_the_machine_within_its_restrictions(
    built: Built, packages: Path, root: Path, absent: list[str]
) -> None:
    with machine(root, packages) as one:
        install(one, built.first)
        wait_until_ready(one)
        for unit in absent:  # then systemd is asked by its own socket
            one.must("systemctl", "mask", "--now", unit)
        wait_until(
            lambda: one.run("test", "-e", f"{STATE}/host/{Side.TIME.answer}").returncode == 0,
            READY_S,
            "the root side to say that it is there",
        )
        one.must("cp", "/packages/wants-reboot.service", "/etc/systemd/system/")
        one.must("systemctl", "daemon-reload")
        one.must("systemctl", "start", "wants-reboot")  # it has its answer before the machine ends
        assert one.ended() == REBOOTED


def update(one: Machine, version: str) -> None:
    """Install a firmware as the gateway does it, with its rights, and start again."""
    command = ["setpriv", "--reuid=knxgw", "--regid=knxgw", "--init-groups", "sh", "-c"]
    install_it = f"cd /; /usr/lib/knxgw/venv/bin/python3 -I -m knxgw.firmware.install_process --state {STATE} --running 0.1 --slot base < /packages/knxgw-{version}.knxfw"
    said = one.must(*command, install_it, env={ALLOWS_DEVELOPMENT: "1"})
    assert f'{{"version": "{version}"}}' in said, said
    one.must("systemctl", "restart", "knxgw")


def log_of(one: Machine) -> str:
    return one.must("journalctl", "--output=cat", "-u", "knxgw")


@pytest.mark.proves("11.5", "11.6", "11.7")
def test_a_firmware_is_tried_under_systemd_given_up_or_kept_and_commands_follow_it(
    built: Built, packages: Path, root: Path
) -> None:
    with machine(root, packages) as one:
        install(one, built.first)
        wait_until_ready(one)
        password = one.must("knxgw", "password", "--initial")
        one.must("sh", "-c", "echo KNXGW_ARGUMENTS=--proved-s=2 >> /etc/default/knxgw")
        update(one, "0.8")
        wait_until(
            lambda: "0.8 is given up (failed_start); 0.1 runs" in log_of(one), READY_S, "a return"
        )
        wait_until_ready(one)
        assert one.must("knxgw", "password", "--initial") == password, "the previous state is back"
        update(one, "0.9")
        wait_until(lambda: "0.9 is ready" in log_of(one), READY_S, lambda: log_of(one))
        assert one.must("systemctl", "is-active", "knxgw").strip() == "active"
        wait_until(lambda: "0.9 works and is kept" in log_of(one), PROVED_S, lambda: log_of(one))
        shown = one.run("sh", "-x", "/usr/bin/knxgw", "check")
        assert "setpriv --reuid=knxgw" in shown.stderr
        assert f"{STATE}/firmware/slots/" in shown.stderr


@pytest.mark.proves("H.102")
def test_a_gateway_that_was_installed_by_hand_goes_on_and_no_second_one_is_started(
    built: Built, packages: Path, root: Path
) -> None:
    with Machine(root, packages) as one:
        by_hand = "/etc/systemd/system/knxgw.service"
        one.must("cp", "/packages/by-hand.service", by_hand)
        one.must("systemctl", "daemon-reload")
        one.must("systemctl", "start", "knxgw")
        process = main_process(one)
        said = install(one, built.first)
        assert f"{by_hand} is not from this package" in said
        assert "dpkg-reconfigure" in said
        assert main_process(one) == process
        install(one, built.second)
        assert main_process(one) == process

        # changed over, as it was told
        one.run("systemctl", "disable", "--now", "knxgw")
        one.must("mv", by_hand, "/root/knxgw.service.before")
        one.must("dpkg-reconfigure", "knxgw", env=QUIET)
        wait_until_ready(one)
        assert one.must("systemctl", "is-enabled", "knxgw").strip() == "enabled"


def without_systemd(root: Path, packages: Path, script: str) -> Done:
    """Run a shell script as root where systemd is not the first process."""
    command = [*nspawn(root, packages), "--as-pid2", "/bin/sh", "-ec", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.proves("H.99")
def test_a_machine_without_systemd_gets_everything_but_the_start(
    built: Built, packages: Path, root: Path
) -> None:
    script = f"""
        export DEBIAN_FRONTEND=noninteractive
        dpkg --install /packages/{built.first.name}
        knxgw --version
        stat -c '%a %U' {STATE}
        dpkg --install /packages/{built.second.name}
        dpkg --purge knxgw
        test -d {STATE} && ! test -e /usr/lib/knxgw && echo as it was
    """
    done = without_systemd(root, packages, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "knxgw, version " in done.stdout
    assert "750 knxgw" in done.stdout
    assert done.stdout.endswith("as it was\n")


@pytest.mark.proves("H.99")
def test_a_machine_with_another_python_refuses_the_package_and_says_why(
    built: Built, packages: Path, root: Path
) -> None:
    script = f"""
        export DEBIAN_FRONTEND=noninteractive
        PATH=/packages/other:$PATH dpkg --install /packages/{built.first.name} && exit 1
        ! test -e /usr/lib/knxgw && ! id knxgw
    """
    done = without_systemd(root, packages, script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this machine has Python 3.99" in done.stderr
    assert "nothing was changed" in done.stderr
