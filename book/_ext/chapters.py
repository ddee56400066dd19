"""Chapters carry the number of their file, also while chapters before them are not written.

Left alone, Sphinx counts 1, 2, 3 in the order of the table of contents.
"""

import copy

from addresses import NUMBERED
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles as Collector

assign_in_order = Collector.assign_section_numbers


def assign_by_file_name(collector: Collector, env: BuildEnvironment) -> list[str]:
    """Give every section its number, and return the pages whose numbers have changed."""
    before = copy.deepcopy(env.toc_secnumbers)
    assign_in_order(collector, env)
    for docname, numbers in env.toc_secnumbers.items():
        if named := NUMBERED.fullmatch(docname):
            chapter = int(named["number"])
            for anchor, number in numbers.items():
                numbers[anchor] = number and (chapter, *number[1:])
            for node in (env.titles[docname], *env.tocs[docname].findall(nodes.reference)):
                if node.get("secnumber"):
                    node["secnumber"] = (chapter, *node["secnumber"][1:])
    return [name for name, new in env.toc_secnumbers.items() if before.get(name) != new]


def setup(app: Sphinx) -> dict:
    """Let headings and figures be numbered within the chapter that the file name says."""
    Collector.assign_section_numbers = assign_by_file_name
    return {"parallel_read_safe": True, "parallel_write_safe": True}
