"""Build the sdist and the wheel, and try the wheel as somebody who installs it does: what `make dist` runs.

The wheel is built from the sdist and installed into an empty environment; `demo`, `convert` and `validate`
run from there, in a folder without the sources. Beside both files goes a list of all installed packages with
their licences (a CycloneDX document), which is what a release is made of.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"


def run(*command: str | Path, folder: Path = ROOT) -> None:
    """Run a command and stop where it fails."""
    print("$", *command, flush=True)
    subprocess.run([str(part) for part in command], cwd=folder, check=True)


def build() -> tuple[Path, Path]:
    """Build both files and check them; return their paths."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    run(Path(sys.executable).with_name("check-wheel-contents"), wheel)
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """Stop where a file of the package or of its tests is missing, or the wheel holds anything else.

    Raises
    ------
    SystemExit
        It says which files.
    """
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    files = set(tracked.stdout.splitlines())
    package = {name.removeprefix("src/") for name in files if name.startswith("src/")}
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    with tarfile.open(sdist) as archive:
        source = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {
        name
        for name in files
        if name.split("/")[0] in {"src", "tests", "bench", "scripts", "docs", "Makefile"}
    }
    for what, names in (
        ("is missing in the wheel", package - shipped),
        ("does not belong into the wheel", shipped - package),
        ("is missing in the sdist", wanted - source),
    ):
        if names:
            raise SystemExit(f"{what}: {', '.join(sorted(names)[:5])}")


def try_wheel(wheel: Path, folder: Path) -> None:
    """Install the wheel into an empty environment and use it there."""
    venv.create(folder / "env", with_pip=True)
    scripts = folder / "env" / "bin"
    run(scripts / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel)
    run(scripts / "gtmask", "--version", folder=folder)
    run(scripts / "gtmask", "demo", "demo", folder=folder)
    run(
        scripts / "gtmask", "convert", "demo/data/annotations.json", "--images", "demo/data/images",
        "--out", "masks", folder=folder,
    )  # fmt: skip
    (manifest,) = (folder / "masks").glob("*.manifest")
    run(scripts / "gtmask", "validate", manifest, "--deep", folder=folder)
    run(
        sys.executable, "-m", "cyclonedx_py", "environment", scripts / "python",
        "--output-reproducible", "--output-file", DIST / f"{wheel.name.split('-py3')[0]}.cdx.json",
    )  # fmt: skip


def main() -> None:
    """Build, check, install and try."""
    sdist, wheel = build()
    check_contents(sdist, wheel)
    with tempfile.TemporaryDirectory() as folder:
        try_wheel(wheel, Path(folder))
    print("\n".join(f"{path.stat().st_size:>10,} bytes  {path.name}" for path in sorted(DIST.iterdir())))


if __name__ == "__main__":
    main()
