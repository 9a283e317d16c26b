# Steep Deep Spiking Networks as one workflow. The rules name files; everything that computes is in src/steep.
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

# The workflow may be run from elsewhere, or be a module of another one: its own files lie beside this file, results go
# into the working directory. Where that is the same, names stay short.
CHECKOUT = Path(workflow.current_basedir)
OWN = Path() if CHECKOUT.samefile(Path.cwd()) else CHECKOUT

# --configfile merges into what is loaded here, so the default is loaded only where no other config is named.
if not workflow.configfiles:

    configfile: OWN / "config" / "paper.yaml"


include: "rules/common.smk"
include: "rules/items.smk"
include: "rules/data.smk"
include: "rules/training.smk"
include: "rules/simulation.smk"
include: "rules/analysis.smk"
include: "rules/tables.smk"
include: "rules/figures.smk"
include: "rules/stpu.smk"


report: "report/workflow.rst"


rule all:
    default_target: True
    input:
        figures(),
        pages(),
        expand(RESULTS / "tables/traces.{format}", format=["csv", "html"]),
        expand(RESULTS / "summary.{format}", format=["md", "html"]),
        stpu_results(),
