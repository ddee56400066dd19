// Compiles the modules that first runs import, for live_compiled.py:
//
//     node first_runs.mjs FOLDER LOCK OUT [PACKAGE ...]
//
// FOLDER holds Pyodide; LOCK is its lock file, in which paramlab and the packages are. OUT becomes an
// archive with a .pyc for each module, at the place that the module has in its own archive.
import { pathToFileURL } from "node:url";
import { dirname, basename } from "node:path";

const [folder, lock, out, ...packages] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`).href);
const pyodide = await loadPyodide({
  indexURL: `${folder}/`,
  lockFileURL: lock,
  env: { HOME: "/home/pyodide", MPLBACKEND: "agg", PARAMLAB_FOR_THE_SITE: "1" },
  packages: ["paramlab", ...packages],
  stdout() {},
});
pyodide.FS.mkdirTree("/out");
pyodide.mountNodeFS("/out", dirname(out));
pyodide.globals.set("out", `/out/${basename(out)}`);
pyodide.globals.set("packages", pyodide.toPy(packages));
const work = `
import sys
from importlib._bootstrap_external import _code_to_hash_pyc
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from paramlab.cli import main
from paramlab.live import Kernel

async def load(module):
    return "unknown"

kernel = Kernel(load, print)
await kernel.run("from paramlab import catalog, count; count(catalog.find('gpt2-small').config)", "a")
Path("config.json").write_text('{"model_type": "llama"}')
main(["count", "config.json"])
if packages:
    await kernel.run("from paramlab import plots; plots.setup(); _ = plots.canvas(2)[1].plot([1, 2])", "b")

def compiled(module):
    source = module.__loader__.get_data(module.__file__)
    code = compile(source, module.__file__, "exec", dont_inherit=True)
    return _code_to_hash_pyc(code, bytes(8), False)

places = [f"/lib/python{sys.version_info.major}{sys.version_info.minor}.zip/", *(
    f"{path}/" for path in sys.path if path.endswith("site-packages"))]
modules = {module.__file__: module for module in list(sys.modules.values())
           if (getattr(module, "__file__", None) or "").endswith(".py")
           and hasattr(module.__loader__, "get_data")}  # else it is part of the interpreter
with ZipFile(out, "w", ZIP_DEFLATED) as archive:
    for file, module in sorted(modules.items()):
        for place in places:
            if file.startswith(place):
                archive.writestr(ZipInfo(f"{file.removeprefix(place)}c"), compiled(module))
`;
try {
  await pyodide.runPythonAsync(work);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
process.exit(0);
