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
include: "rules/data.smk"
include: "rules/training.smk"
include: "rules/simulation.smk"
include: "rules/measurement.smk"
include: "rules/stpu.smk"
include: "rules/catalogue.smk"


report: "report/workflow.rst"


rule all:
    default_target: True
    input:
        all_of(FIGURES, "figures/{}.svg"),
        all_of(TABLES, "tables/{}.html"),
        expand(RESULTS / "tables/{name}", name=["provenance.html", "traces.csv", "traces.html"]),
        expand(RESULTS / "summary.{format}", format=["md", "html"]),
        STUDY.exports(),


# Parts of the way, to be named on the command line.
rule trained:
    input:
        STUDY.every_file("threshold.npz"),


rule compared:
    input:
        STUDY.every_file("comparison-{readout}.csv"),
