"""Pick the few front-end files the pages use out of node_modules.

The packages bring many times more (other builds, source maps, documentation), and every file served is
hashed and compressed by collectstatic: all of them cost it a minute and a half, these two seconds. The
copies are in node_modules/.vendor/<name>/, served as vendor/<name>/…, each with its licence.
"""

import re
import shutil
from pathlib import Path

PACKAGES = Path(__file__).resolve().parent.parent / "node_modules"
VENDOR = PACKAGES / ".vendor"

# name under vendor/: (package, folder in it, files)
SERVED = {
    "bootstrap": ("bootstrap", "dist/css", ["bootstrap.min.css"]),
    "htmx": ("htmx.org", "dist", ["htmx.min.js", "htmx.esm.min.js"]),
    "hashes": ("@noble/hashes", ".", ["sha2.js", "_md.js", "_u64.js", "utils.js"]),
    "swagger-ui": ("swagger-ui-dist", ".", ["swagger-ui.css", "swagger-ui-bundle.js"]),
    "tus": ("tus-js-client", "dist", ["tus.min.js"]),
    "uplot": ("uplot", "dist", ["uPlot.esm.js", "uPlot.iife.min.js", "uPlot.min.css"]),
}
# Source maps are not served, so nothing may point to them: hashed storage refuses a broken link.
MAP_LINK = re.compile(rb"\n?(//|/\*)# sourceMappingURL=[^\n*]*(\*/)?\s*\Z")


def main() -> None:
    shutil.rmtree(VENDOR, ignore_errors=True)
    for name, (package, folder, files) in SERVED.items():
        target = VENDOR / name
        target.mkdir(parents=True)
        for file in files:
            content = (PACKAGES / package / folder / file).read_bytes()
            (target / file).write_bytes(MAP_LINK.sub(b"\n", content))
        licence = next((PACKAGES / package).glob("LICENSE*"))
        shutil.copyfile(licence, target / "LICENSE.txt")


if __name__ == "__main__":
    main()
