"""Sees to what the tests need from the system, beside the packages of pip and npm. Run by ``make test``.

As root on Debian it installs what is missing; anyone else is told what to install.
"""

import os
import shutil
import subprocess
import sys

# What the tests call: the Debian package that has it.
NEEDED = {
    "chromium": "chromium",
    "firefox-esr": "firefox-esr",
    "gcc": "gcc",
    "nginx": "nginx",
    "openssl": "openssl",
    "sqlite3": "sqlite3",
    "rabbitmq-server": "rabbitmq-server",
    "redis-server": "redis-server",
    "php": "php-cli",
    "ruby": "ruby",
}


def missing_packages() -> list[str]:
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # where Debian puts daemons, and a user does not look
    return sorted({package for program, package in NEEDED.items() if not shutil.which(program, path=path)})


def install(packages: list[str]) -> None:
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "--quiet=2", "--option", "Dpkg::Use-Pty=0"]
    subprocess.run([*apt, "update"], check=True, env=env, stdout=subprocess.DEVNULL)
    subprocess.run(
        [*apt, "install", "--yes", "--no-install-recommends", *packages], check=True, env=env, stdout=subprocess.DEVNULL
    )


def main() -> int:
    packages = missing_packages()
    if not packages:
        return 0
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing for the tests: {' '.join(packages)} ...", flush=True)
        install(packages)
        packages = missing_packages()
    if packages:
        print(f"The tests need more from the system. On Debian:\n    sudo apt-get install {' '.join(packages)}")
    return 1 if packages else 0


if __name__ == "__main__":
    sys.exit(main())
