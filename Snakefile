# Steep Deep Spiking Networks as one workflow. The rules name files; everything that computes is in src/steep.
from snakemake.utils import min_version

min_version("9.0")

# --configfile merges into what is loaded here, so the default is loaded only where no other config is named.
if not workflow.configfiles:

    configfile: "config/paper.yaml"


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
