// Python in the background of a page: loads Pyodide once, then runs the cells that it is sent.
const base = new URL("pyodide/", import.meta.url);
let python = null;

// Pyodide waits forever for a file that does not come, so this is noticed here.
const lost = (error) => {
  console.info(`Python could not be loaded: ${error}`);
  postMessage({ status: "unreachable", reason: "Python" });
};
const broken = (error) => {
  console.info(`Python broke: ${error}`);
  postMessage({ status: "broken" });
};
let right = {}; // SHA-256 of the files that Pyodide does not check itself
const fetched = globalThis.fetch;
globalThis.fetch = async (address, options) => {
  try {
    const integrity = right[String(address).split("/").pop()];
    const response = await fetched(address, integrity ? { ...options, integrity } : options);
    if (response.ok) return response;
    throw new Error(`${response.status} ${response.url}`);
  } catch (error) {
    lost(error);
    throw error;
  }
};

const load = async (name, pyodide) => {
  const before = Object.keys(pyodide.loadedPackages).length;
  let error = "";
  const errorCallback = (words) => { error ||= words; };
  await pyodide.loadPackagesFromImports(`import ${name}`, { errorCallback, messageCallback() {} });
  if (error) return "failed";
  return Object.keys(pyodide.loadedPackages).length > before ? "loaded" : "unknown";
};

// The real model lies outside of Python's memory, which takes it up number by number.
const put = async ({ file, integrity }, pyodide) => {
  const response = await fetch(new URL(file, base), { integrity });
  const blobs = [{ name: file, data: await response.blob() }];
  pyodide.FS.mkdir("/model");
  pyodide.FS.mount(pyodide.FS.filesystems.WORKERFS, { blobs }, "/model");
  // A copy that is ready for use has no room here, so there is no folder to keep it in.
  pyodide.runPython(`
    import os
    os.environ |= {"PARAMLAB_MODEL": "/model/${file}", "XDG_CACHE_HOME": "/dev/null"}`);
};

let live = null;
const start = async (uses, withModel) => {
  live = await (await fetch(new URL("live.json", base), { cache: "no-cache" })).json();
  right = live.integrity;
  const scripts = Object.keys(right).filter((name) => /js$/.test(name));
  await Promise.all(scripts.map((name) => fetch(new URL(name, base)))); // an import checks nothing
  const { loadPyodide } = await import(new URL("pyodide.mjs", base).href);
  const pyodide = await loadPyodide({
    indexURL: base.href,
    lockFileURL: new URL(live.lock, base).href,
    stdLibURL: new URL(live.library, base).href,
    packages: ["paramlab", ...uses.filter((name) => live.packages.includes(name))],
    env: { HOME: "/home/pyodide", MPLBACKEND: "agg", PARAMLAB_FOR_THE_SITE: "1" },
    stdout() {},
    stderr() {},
  });
  pyodide._api.on_fatal = (error) => broken(error); // else a cell would wait forever
  for (const [path, file] of Object.entries(live.files)) {
    const [folder, name] = /^(.*)\/([^/]+)$/.exec(path.startsWith("/") ? path : `/home/pyodide/${path}`).slice(1);
    pyodide.FS.mkdirTree(folder);
    pyodide.FS.createLazyFile(folder, name, new URL(file, base).href, true, false);
  }
  pyodide.globals.set("load", (name) => load(name, pyodide));
  pyodide.globals.set("show", (printed) => postMessage({ printed }));
  await pyodide.runPythonAsync(`
    import logging
    from paramlab.live import Kernel
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # of its first start
    kernel = Kernel(load, show)
    counter = Kernel(load, show)`);
  if (withModel) await put(live.model, pyodide);
  return pyodide;
};

// Files of the reader lie in a folder of their own; of each, only what is asked for is read.
const OWN = "/own/your files";
const place = (files, { FS }) => {
  if (FS.analyzePath(OWN).exists) FS.unmount(OWN);
  else FS.mkdirTree(OWN);
  FS.mount(FS.filesystems.WORKERFS, { files }, OWN);
  return files.length === 1 ? `${OWN}/${files[0].name}` : OWN;
};

onmessage = async ({ data }) => {
  if (data.uses) {
    python = start(data.uses, data.withModel);
    python.catch(() => {}); // said when a cell is sent
    return;
  }
  let pyodide;
  try {
    pyodide = await python;
  } catch (error) {
    lost(error);
    return;
  }
  try {
    const path = data.files && JSON.stringify(place(data.files, pyodide));
    const show = `from paramlab.own_file import show\nshow(${path}, display)`;
    pyodide.globals.set("source", data.files ? show : data.source);
    pyodide.globals.set("name", data.name);
    const who = data.files ? "counter" : "kernel";
    const answer = JSON.parse(await pyodide.runPythonAsync(`await ${who}.run(source, name)`));
    postMessage({ ...answer, modelSize: live.model?.size });
  } catch (error) {
    broken(error);
  }
};
