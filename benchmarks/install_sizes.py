"""Print the size of a client-only and a server-only install, and that neither brings torch.

Usage: python benchmarks/install_sizes.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def installed(extra: str, directory: Path) -> tuple[float, int, bool]:
    """Return MiB added over an empty environment, the number of packages, and whether torch is there."""
    environment = directory / extra
    venv.create(environment, with_pip=True)
    site = next((environment / "lib").glob("python3*/site-packages"))
    before = size_mib(site)
    subprocess.run(  # noqa: S603 - our own interpreter on our own arguments
        [
            str(environment / "bin" / "python"),
            *("-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check"),
            *("-c", str(ROOT / "constraints.txt"), f"{ROOT}[{extra}]"),
        ],
        check=True,
    )
    packages = len(list(site.glob("*.dist-info")))
    return size_mib(site) - before, packages, (site / "torch").exists()


def size_mib(directory: Path) -> float:
    """Return the size of all files below a directory, in MiB."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) / 2**20


def main() -> None:
    """Install each extra into an environment of its own and print a table."""
    print("| extra | MiB | packages | torch |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        for extra in sys.argv[1:] or ["client", "server"]:
            mib, packages, torch = installed(extra, Path(directory))
            print(f"| {extra} | {mib:.0f} | {packages} | {'yes' if torch else 'no'} |")


if __name__ == "__main__":
    main()
