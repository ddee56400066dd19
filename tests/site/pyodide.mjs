// Runs a Python file of this repository in Pyodide, as the site holds it, and prints what it prints.
//
//     node pyodide.mjs FOLDER REPOSITORY SITE_PACKAGES FILE [ARGUMENT ...]
//
// FOLDER is _static/live/pyodide of the site. The file is looked for in REPOSITORY, which Python
// sees at /repo; SITE_PACKAGES lies at /venv and is on no path.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, repository, sitePackages, file, ...words] = process.argv.slice(2);
const live = JSON.parse(readFileSync(`${folder}/live.json`, "utf8"));
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`).href);
const pyodide = await loadPyodide({
  indexURL: `${folder}/`,
  lockFileURL: `${folder}/${live.lock}`,
  stdLibURL: `${folder}/${live.library}`,
  env: { HOME: "/home/pyodide", MPLBACKEND: "agg", PYTHONDONTWRITEBYTECODE: "1" },
});
await pyodide.loadPackage(["paramlab", ...live.packages], { messageCallback: () => {} });
const { FS } = pyodide;
for (const [place, source] of Object.entries(live.files)) {
  const path = place.startsWith("/") ? place : `/home/pyodide/${place}`;
  FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
  FS.writeFile(path, readFileSync(`${folder}/${source}`));
}
for (const [place, path] of [["/repo", repository], ["/venv", sitePackages]]) {
  FS.mkdirTree(place);
  pyodide.mountNodeFS(place, path);
}
pyodide.globals.set("words", pyodide.toPy([`/repo/${file}`, ...words]));
process.exitCode = await pyodide.runPythonAsync(`
import importlib, runpy, sys
importlib.invalidate_caches()
sys.argv = words
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
    status = 0
except SystemExit as end:
    status = int(end.code or 0)
status
`);
